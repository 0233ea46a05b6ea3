"""Training steps as graphs: captured once for each kind of step, then replayed.

A step of several small networks launches a thousand kernels, and a GPU waits for the host to launch
them one by one. A graph launches all of them together. It repeats the kernels that were captured,
in the same memory and with the numbers that they were given at the time. Whatever changes from
step to step is therefore a tensor, which is filled before each replay.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

log = logging.getLogger(__name__)
T = TypeVar("T")

# steps of each kind before it is captured, in which libraries and optimizers allocate their memory
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Step:
    """A training step, all random draws included.

    Attributes:
        kind: all else that the step depends on, such as which networks learn; hashable. Each kind
            has its own graph.
        tensors: images, labels and random draws by name.
        numbers: floats by name; scalar tensors where the step is captured.
    """

    kind: Any
    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


# launches the kernels of a step, and returns scalars by name
StepFunction = Callable[[Step], dict[str, Tensor]]


class GraphBackend(Protocol):
    """Captures work on a device."""

    def warm_up(self, work: Callable[[], Tensor]) -> tuple[Tensor, str | None]:
        """Do work as before a capture; return its result, and why it cannot be captured or None."""

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """Capture work without doing it.

        Args:
            work: launches kernels, and never waits for them.
            generators: that the work draws random numbers from. A replay draws from their states
                at that time.

        Returns:
            A function that does the work, and its result, which is in the same memory each time
            and valid until the next replay of any graph.

        Raises:
            RuntimeError: the work cannot be captured.
        """


class CUDAGraphs:
    """Captures CUDA graphs, which share a pool of memory.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()
        self._empty = torch.cuda.CUDAGraph()  # keeps the pool while there is no other graph
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about an empty graph
            self._capture(self._empty, lambda: None)

    def warm_up(self, work: Callable[[], Tensor]) -> tuple[Tensor, str | None]:
        """See GraphBackend; uses the stream of the capture, as torch's documentation advises.

        Operations that wait for the GPU are found here, because a capture that fails could leave
        torch's allocator unusable.
        """
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream), recorded_waits() as waits:
            result = work()
        current.wait_stream(self.stream)
        return result, waits[0] if waits else None

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """See GraphBackend."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        try:
            result = self._capture(graph, work)
        except Exception:
            default = torch.cuda.default_generators[self.stream.device_index]
            for generator in (*generators, default):
                self._renew_state(generator)
            raise
        return graph.replay, result

    def _capture(self, graph: torch.cuda.CUDAGraph, work: Callable[[], T]) -> T:
        # the outer stream context restores the current stream, also if the capture fails;
        # "thread_local": the data loader's thread may allocate pinned memory during the capture
        with (
            torch.cuda.stream(torch.cuda.current_stream(self.device)),
            torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"),
        ):
            return work()

    def _renew_state(self, generator: torch.Generator) -> None:
        """Give a generator an equal state: a failed capture may leave it in use by the graph."""
        fresh = torch.Generator(self.device)
        fresh.set_state(generator.get_state())
        generator.graphsafe_set_state(fresh.graphsafe_get_state())


@contextmanager
def recorded_waits() -> Iterator[list[str]]:
    """Record torch's messages about operations that wait for the GPU, which a graph cannot."""
    waits: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode("default")
    for each in caught:
        if "synchronizing CUDA operation" in str(each.message):
            waits.append(f"{each.filename}:{each.lineno} waits for the GPU")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


class CapturedSteps:
    """Runs training steps, each kind of which is captured after a few eager steps.

    The eager steps are steps of the training, so that nothing has to be undone.

    Args:
        function: runs a step. It must launch the same kernels for all steps of a kind and shape.
        backend: captures the steps.
        optimizers: that the function steps.
        generators: that the function draws from, besides torch's global one.
        description: of the steps, for a message if they cannot be captured.

    Attributes:
        failed: whether the steps cannot be captured, so that all of them are eager.
    """

    def __init__(
        self,
        function: StepFunction,
        backend: GraphBackend,
        optimizers: Sequence[Optimizer],
        description: str,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self.function = function
        self.backend = backend
        self.optimizers = optimizers
        self.description = description
        self.generators = generators
        self.failed = False
        self._kinds: dict[Hashable, _Kind] = {}
        for optimizer in optimizers:
            if not is_capturable(optimizer):
                self._fail(
                    f"{type(optimizer).__name__} keeps its state on the host unless it is fused"
                )

    def __call__(self, step: Step) -> dict[str, Tensor]:
        """Run a step and return its scalars, which later steps do not change."""
        if not self.failed:
            kind = self._find_kind(step)
            if kind.steps == WARM_UP_STEPS and kind.obstacle is not None:
                self._fail(kind.obstacle)
            elif kind.steps == WARM_UP_STEPS and kind.replay is None:
                self._capture(kind)
        if self.failed:
            return self.function(step)
        kind.load(step)
        if kind.replay is None:
            kind.result, kind.obstacle = self.backend.warm_up(kind.run)
        else:
            kind.replay()
        kind.steps += 1
        return kind.read()

    def _find_kind(self, step: Step) -> _Kind:
        layouts = ((name, *memory_layout(tensor)) for name, tensor in step.tensors.items())
        key = (step.kind, *layouts)
        if key not in self._kinds:
            self._kinds[key] = _Kind(step, self.function)
        return self._kinds[key]

    def _capture(self, kind: _Kind) -> None:
        """Capture a kind of step; if that fails, no step is captured from now on."""
        # weights that autocast has already cast would stay as they are in all replays
        torch.clear_autocast_cache()
        try:
            with capturable(self.optimizers):
                kind.replay, kind.result = self.backend.capture(kind.run, self.generators)
        except Exception as error:  # whatever a user's loss or optimizer raises
            while error.__context__ is not None:  # torch raises another error as it ends a capture
                error = error.__context__  # type: ignore[assignment]
            self._fail(str(error).strip().partition("\n")[0] or type(error).__name__)
        finally:
            torch.clear_autocast_cache()  # its casts are in the graph's memory
        for optimizer in self.optimizers:  # their memory can now be used by other graphs
            optimizer.zero_grad(set_to_none=True)

    def _fail(self, reason: str) -> None:
        self.failed = True
        self._kinds.clear()
        log.warning("%s cannot be captured as CUDA graphs: %s", self.description, reason)


class _Kind:
    """A kind of step: its static input buffers, and its graph once it is captured.

    Attributes:
        steps: number of steps so far.
        replay: runs a step, once captured.
        result: the scalars of the last step.
        obstacle: why the last eager step could not have been captured, or None.
    """

    def __init__(self, example: Step, function: StepFunction) -> None:
        self.steps = 0
        self.replay: Callable[[], None] | None = None
        self.result = torch.empty(0)
        self.obstacle: str | None = None
        self._function = function
        self._names: list[str] = []
        self._device = next(iter(example.tensors.values())).device
        self._buffers = replace(
            example,
            tensors={name: tensor.clone() for name, tensor in example.tensors.items()},
            numbers={
                name: torch.zeros((), dtype=torch.float64, device=self._device)
                for name in example.numbers
            },
        )

    def load(self, step: Step) -> None:
        """Copy a step into the buffers."""
        for name, tensor in step.tensors.items():
            self._buffers.tensors[name].copy_(tensor)
        for name, number in step.numbers.items():
            self._buffers.numbers[name].fill_(number)

    def run(self) -> Tensor:
        """Run the step in the buffers, and return its scalars as one tensor."""
        values = self._function(self._buffers)
        self._names = list(values)
        scalars = [value.detach().to(self._device).view(()) for value in values.values()]
        return torch.stack(scalars) if scalars else torch.empty(0)

    def read(self) -> dict[str, Tensor]:
        """Return the last step's scalars by name, in memory that the next step does not change."""
        return dict(zip(self._names, self.result.clone().unbind(), strict=True))


def memory_layout(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...], torch.dtype]:
    """Return what kernels depend on besides a tensor's values."""
    return tensor.shape, tensor.stride(), tensor.dtype


def is_capturable(optimizer: Optimizer) -> bool:
    """Return whether an optimizer keeps all of its state, and the learning rate, on the device."""
    return all(
        group.get("fused") is True or group.get("capturable") is True
        for group in optimizer.param_groups
    )


@contextmanager
def capturable(optimizers: Iterable[Optimizer]) -> Iterator[None]:
    """Set the optimizers' option ``capturable``, where they have it; afterwards, reset it."""
    groups = [
        group
        for optimizer in optimizers
        for group in optimizer.param_groups
        if "capturable" in group
    ]
    before = [group["capturable"] for group in groups]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, value in zip(groups, before, strict=True):
            group["capturable"] = value


def set_learning_rates(optimizer: Optimizer, rates: Iterable[float | Tensor]) -> None:
    """Set the learning rate of each of an optimizer's parameter groups."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        is_on_gpu = isinstance(rate, Tensor) and rate.is_cuda
        group["lr"] = rate.float() if is_on_gpu else rate  # type: ignore[union-attr]
