"""Training steps as graphs: captured once for each kind of step, then replayed.

A step of several small networks launches a thousand kernels, and a GPU waits for the host to launch
them one by one. A graph launches all of them together. It repeats the kernels that were captured,
in the same memory and with the numbers that they were given at the time. Whatever changes from
step to step is therefore a tensor, which is filled before each replay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

log = logging.getLogger(__name__)

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


Work = Callable[[Step], dict[str, Tensor]]  # takes a step, returns scalars by name


class GraphBackend(Protocol):
    """Captures work on a device."""

    def warm_up(self, work: Callable[[], Tensor]) -> Tensor:
        """Do work as before a capture, and return its result."""

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """Capture work without doing it.

        Args:
            work: launches kernels, and never waits for them.
            generators: that the work draws random numbers from. A replay draws from their states
                at that time.

        Returns:
            A function that does the work, and its result, in the same memory each time.
        """


class CUDAGraphs:
    """Captures CUDA graphs. They share memory, so that only one of them can be replayed at a time.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], Tensor]) -> Tensor:
        """See GraphBackend; uses the stream of the capture, as torch's documentation advises."""
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            result = work()
        current.wait_stream(self.stream)
        return result

    def capture(
        self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], Tensor]:
        """See GraphBackend."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # "thread_local": the data loader's thread may allocate pinned memory during the capture
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            result = work()
        return graph.replay, result


class CapturedSteps:
    """Takes training steps, each kind of which is captured after a few steps.

    The steps before the capture are ordinary ones, so that nothing has to be undone.

    Args:
        work: takes a step. It must launch the same kernels for all steps of a kind and shape.
        backend: captures the work.
        optimizers: that the work steps.
        generators: that the work draws from, besides torch's global one.
        description: of the steps, for a message if they cannot be captured.
    """

    def __init__(
        self,
        work: Work,
        backend: GraphBackend,
        optimizers: Sequence[Optimizer],
        description: str,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self.work = work
        self.backend = backend
        self.optimizers = optimizers
        self.description = description
        self.generators = generators
        self.failed = False
        self._kinds: dict[Hashable, _Kind] = {}

    def __call__(self, step: Step) -> dict[str, Tensor]:
        """Take a step and return its scalars, which later steps do not change."""
        if not self.failed:
            kind = self._find_kind(step)
            if kind.steps == WARM_UP_STEPS and kind.replay is None:
                self._capture(kind)
        if self.failed:
            return self.work(step)
        kind.load(step)
        if kind.replay is None:
            kind.result = self.backend.warm_up(kind.work)
        else:
            kind.replay()
        kind.steps += 1
        return kind.read()

    def _find_kind(self, step: Step) -> _Kind:
        key = (step.kind, *(layout(tensor) for tensor in step.tensors.values()))
        if key not in self._kinds:
            self._kinds[key] = _Kind(step, self.work)
        return self._kinds[key]

    def _capture(self, kind: _Kind) -> None:
        """Capture a kind of step; if that fails, no step is captured from now on."""
        # a copy of the weights in lower precision that autocast has made would be frozen
        torch.clear_autocast_cache()
        try:
            with capturable(self.optimizers):
                kind.replay, kind.result = self.backend.capture(kind.work, self.generators)
        except Exception as error:  # whatever a user's loss or optimizer raises
            self.failed = True
            self._kinds.clear()
            log.warning(
                "%s cannot be captured as a graph, so the GPU waits for the host more often: %s",
                self.description,
                str(error).strip().partition("\n")[0] or type(error).__name__,
            )
        finally:
            torch.clear_autocast_cache()  # what it holds is the graph's


class _Kind:
    """A kind of step: the memory that it reads from, and its graph once it is captured.

    Attributes:
        steps: number of steps taken.
        replay: takes a step, once captured.
        result: the scalars of the last step.
    """

    def __init__(self, example: Step, work: Work) -> None:
        device = next(iter(example.tensors.values())).device
        self.steps = 0
        self.replay: Callable[[], None] | None = None
        self.result = torch.empty(0)
        self._work = work
        self._names: list[str] = []
        self._memory = replace(
            example,
            tensors={name: tensor.clone() for name, tensor in example.tensors.items()},
            numbers={
                name: torch.zeros((), dtype=torch.float64, device=device)
                for name in example.numbers
            },
        )

    def load(self, step: Step) -> None:
        """Copy a step into the memory that the graph reads from."""
        for name, tensor in step.tensors.items():
            self._memory.tensors[name].copy_(tensor)
        for name, number in step.numbers.items():
            self._memory.numbers[name].fill_(number)

    def work(self) -> Tensor:
        """Take the step in memory, and return its scalars as one tensor."""
        values = self._work(self._memory)
        self._names = list(values)
        return torch.stack([value.detach() for value in values.values()])

    def read(self) -> dict[str, Tensor]:
        """Return the last step's scalars by name, in memory that the next step does not change."""
        return dict(zip(self._names, self.result.clone().unbind(), strict=True))


def layout(tensor: Tensor) -> tuple[torch.Size, tuple[int, ...], torch.dtype]:
    """Return what kernels depend on besides a tensor's values."""
    return tensor.shape, tensor.stride(), tensor.dtype


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
