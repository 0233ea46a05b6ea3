"""A stand-in for CUDA graphs on the CPU, with which captured steps can be tested without a GPU.

Like a CUDA graph, it repeats the operations that were captured, on the same tensors and with the
Python numbers that they were given then; Python itself does not run again. A capture leaves all
memory and all random states as they were. What a CUDA graph refuses is refused: waiting for a
value, sizes that depend on values, and copies from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
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
    "aten::_unique2": "its size depends on values",
    "aten::lift_fresh": "it copies from the host",
}


class RecordedGraphs:
    """Captures work by recording its operations; see GraphBackend."""

    def __init__(self) -> None:
        self.captures = 0
        self.replays = 0

    def warm_up(self, work: Callable[[], Tensor]) -> Tensor:
        """Do the work."""
        return work()

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """Record the work; what it changes on the way is restored."""
        recorder = Recorder([*generators, torch.default_generator])
        try:
            with recorder:
                result = work()
        finally:
            recorder.restore()
        self.captures += 1

        def replay() -> None:
            self.replays += 1
            recorder.replay()

        return replay, result


class Recorder(TorchDispatchMode):
    """Records operations with their arguments.

    Args:
        generators: whose states a replay may use; others are refused.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.generators = generators
        self.random_states = [generator.get_state() for generator in generators]
        self.operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Any]]] = []
        self.created: dict[int, Tensor] = {}  # during the capture, by id
        self.contents: list[tuple[Tensor, Tensor]] = []  # of all other tensors, before the capture
        self.known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run and record an operation."""
        name, kwargs = func._schema.name, kwargs or {}
        leaves = tree_flatten((args, kwargs))[0]
        self.refuse(name, leaves)
        self.remember(leaves)
        # lists may change later, the tensors in them are the recorded ones
        recorded_args, recorded_kwargs = tree_map(lambda leaf: leaf, (args, kwargs))
        returned = func(*args, **kwargs)
        outputs = tree_flatten(returned)[0]
        for output in outputs:
            if isinstance(output, Tensor):
                self.created[id(output)] = output
        if not is_view(func):
            self.operations.append((func, recorded_args, recorded_kwargs, outputs))
        return returned

    def refuse(self, name: str, leaves: list[Any]) -> None:
        """Raise the error of an operation that a CUDA graph cannot capture."""
        indexed = name in ("aten::index", "aten::index_put_", "aten::_index_put_impl_")
        if indexed and any(
            isinstance(each, Tensor) and each.dtype == torch.bool for each in leaves[1:]
        ):
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

    def remember(self, leaves: list[Any]) -> None:
        """Keep the contents of tensors from before the capture, which must not change."""
        for leaf in leaves:
            is_older = isinstance(leaf, Tensor) and id(leaf) not in self.created
            if is_older and id(leaf) not in self.known:
                self.known.add(id(leaf))
                self.contents.append((leaf, leaf.detach().clone()))

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what the operations have changed: a capture does nothing."""
        for tensor, content in self.contents:
            tensor.detach().copy_(content)
        for generator, state in zip(self.generators, self.random_states, strict=True):
            generator.set_state(state)

    def replay(self) -> None:
        """Repeat all operations in the memory of the capture."""
        # as they were recorded: autocast and autograd have done their part
        with torch._C._DisableAutocast(), torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, outputs in self.operations:
                returned = tree_flatten(func(*args, **kwargs))[0]
                for kept, output in zip(outputs, returned, strict=True):
                    if isinstance(kept, Tensor) and kept is not output:
                        kept.copy_(output)


def is_view(func: Any) -> bool:
    """Return whether an operation returns views of its arguments, which need not be repeated."""
    aliases = [result.alias_info for result in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)
