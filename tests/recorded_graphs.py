"""A fake of CUDA graphs on the CPU, with which captured steps can be tested without a GPU.

Like a CUDA graph, it repeats the operations that were captured, on the same tensors and with the
Python numbers that they were given then; Python itself does not run again. A capture leaves all
memory and all random states as they were, and between two replays all memory is overwritten that
others may use. What a CUDA graph refuses is refused: waiting for a value, sizes that depend on
values, and copies from the host. What a CUDA graph would freeze is refused, too: memory that is
only there for one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

REFUSED = {
    "aten::_local_scalar_dense": "it reads a value",
    "aten::is_nonzero": "it reads a value",
    "aten::equal": "it reads a value",
    "aten::nonzero": "its size depends on values",
    "aten::masked_select": "its size depends on values",
    "aten::bincount": "its size depends on values",
    "aten::unique_dim": "its size depends on values",
    "aten::unique_consecutive": "its size depends on values",
    "aten::repeat_interleave": "its size depends on values",
    "aten::_unique2": "its size depends on values",
    "aten::lift_fresh": "it copies from the host",
}


INDEXING = ("aten::index", "aten::index_put_", "aten::_index_put_impl_")
HOST_READS = {Tensor.cpu, Tensor.numpy, Tensor.tolist, Tensor.item}
BOOL = torch.bool


class RecordedGraphs:
    """Captures work by recording its operations; see GraphBackend.

    Attributes:
        captures: number of captures.
        replays: number of replays.
    """

    def __init__(self) -> None:
        self.captures = 0
        self.replays = 0
        self.known = KnownMemory()

    def warm_up(self, work: Callable[[], Tensor]) -> tuple[Tensor, None]:
        """Do the work."""
        with self.known:
            return work(), None

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """Record the work; what it changes on the way is restored."""
        recorder = Recorder([*generators, torch.default_generator], self.known)
        try:
            with recorder, HostReadsRefused():
                result = work()
        finally:
            recorder.restore()
        recorder.list_temporary(result)
        self.captures += 1

        def replay() -> None:
            self.replays += 1
            recorder.replay()

        return replay, result


class KnownMemory(TorchDispatchMode):
    """Collects the memory that the warm-ups use, which is kept, so that no address is used twice.

    What a captured step reads at another address was created for this one step. A CUDA graph would
    read it again in every replay, or would have frozen it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and collect what it uses."""
        returned = func(*args, **(kwargs or {}))
        for leaf in tree_flatten((args, kwargs, returned))[0]:
            if isinstance(leaf, Tensor):
                self.storages[address(leaf)] = leaf.untyped_storage()
        return returned


class HostReadsRefused(TorchFunctionMode):
    """Refuses to copy tensors to the host, for which a CPU needs no operation."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function unless it copies to the host."""
        if func in HOST_READS:
            raise RuntimeError(f"{func.__name__} is not permitted in a graph: it reads a value")
        return func(*args, **(kwargs or {}))


class Recorder(TorchDispatchMode):
    """Records operations with their arguments.

    Args:
        generators: whose states a replay may use; others are refused.
        known: memory that the work may read.
    """

    def __init__(self, generators: Sequence[torch.Generator], known: KnownMemory) -> None:
        super().__init__()
        self.generators = generators
        self.known = known
        self.random_states = [generator.get_state() for generator in generators]
        self.operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Any]]] = []
        self.created: dict[int, Tensor] = {}  # during the capture, by id
        self.contents: dict[int, tuple[Tensor, Tensor]] = {}  # of older tensors, before the capture
        self.temporary: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run and record an operation."""
        name, kwargs = func._schema.name, kwargs or {}
        leaves = tree_flatten((args, kwargs))[0]
        self.refuse(name, leaves)
        self.remember(name, leaves)
        # lists may change later, the tensors in them are the recorded ones
        recorded_args, recorded_kwargs = tree_map(lambda leaf: leaf, (args, kwargs))
        returned = func(*args, **kwargs)
        outputs = tree_flatten(returned)[0]
        for output in outputs:
            if isinstance(output, Tensor) and id(output) not in self.contents:
                self.created[id(output)] = output
        if not is_view(func):
            self.operations.append((func, recorded_args, recorded_kwargs, outputs))
        return returned

    def refuse(self, name: str, leaves: list[Any]) -> None:
        """Raise the error of an operation that a CUDA graph cannot capture."""
        masks = [each for each in leaves[1:] if isinstance(each, Tensor) and each.dtype == BOOL]
        if name in INDEXING and masks:
            raise RuntimeError(f"{name} is not permitted in a graph: its size depends on values")
        if name in REFUSED:
            raise RuntimeError(f"{name} is not permitted in a graph: {REFUSED[name]}")
        for leaf in leaves:
            if isinstance(leaf, torch.Generator) and not self.is_registered(leaf):
                raise RuntimeError(f"{name} draws from a generator that is not registered")

    def is_registered(self, generator: torch.Generator) -> bool:
        """Return whether a generator, which is not the same Python object, is a registered one."""
        state = generator.get_state()
        return any(torch.equal(each.get_state(), state) for each in self.generators)

    def remember(self, name: str, leaves: list[Any]) -> None:
        """Keep the contents of older tensors, which a capture must not change."""
        for leaf in leaves:
            if not isinstance(leaf, Tensor) or id(leaf) in self.created | self.contents:
                continue
            if address(leaf) not in self.known.storages:
                raise RuntimeError(f"{name} reads memory that is only there for this step")
            self.contents[id(leaf)] = (leaf, leaf.detach().clone())

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what the operations have changed: a capture does nothing."""
        for tensor, content in self.contents.values():
            tensor.detach().copy_(content)
        for generator, state in zip(self.generators, self.random_states, strict=True):
            generator.set_state(state)

    def list_temporary(self, result: Tensor) -> None:
        """List the tensors whose memory other graphs may use between two replays."""
        kept = {address(tensor) for tensor, _ in self.contents.values()} | {address(result)}
        self.temporary = [
            output.detach()
            for _, _, _, outputs in self.operations
            for output in outputs
            if isinstance(output, Tensor)
            and output.is_floating_point()
            and address(output) not in kept
        ]

    def replay(self) -> None:
        """Repeat all operations in the memory of the capture; overwrite what is not kept."""
        # as they were recorded: autocast and autograd have done their part
        with torch._C._DisableAutocast(), torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, outputs in self.operations:
                returned = tree_flatten(func(*args, **kwargs))[0]
                for kept, output in zip(outputs, returned, strict=True):
                    if isinstance(kept, Tensor) and kept is not output:
                        kept.copy_(output)
            for tensor in self.temporary:
                tensor.fill_(torch.nan)


def address(tensor: Tensor) -> int:
    """Return the address of a tensor's memory."""
    return tensor.untyped_storage().data_ptr()


def is_view(func: Any) -> bool:
    """Return whether an operation returns views of its arguments, which need not be repeated."""
    aliases = [result.alias_info for result in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)
