"""What a step computes and moves, and what the device could."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from privacy_gan.benchmarking.timing import seconds_taken

# words in the names of operations, by what they are; the first that fits counts
KINDS = {
    "convolutions": ("conv",),
    "batch norm": ("batch_norm", "BatchNorm"),
    "Adam": ("adam", "Adam"),
    "matrix products": ("mm",),
    "ReLU, pooling and sums": ("threshold", "clamp", "relu", "Relu", "pool", "Pool", "add", "mul"),
    "copies and conversions": ("copy", "cat", "stack", "fill", "contiguous"),
}
TRIALS = 5  # the fastest is the peak
COPIED = 2**28  # bytes, more than any cache holds


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Return the most floating-point operations that large matrix products reach, in a second."""
    size = 8192 if device.type == "cuda" else 4096
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    one @ other
    fastest = min(seconds_taken(lambda: one @ other, device) for _ in range(TRIALS))
    return 2 * size**3 / fastest


def memory_peak(device: torch.device) -> float:
    """Return the most bytes that a copy reads and writes in a second."""
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    fastest = min(seconds_taken(lambda: target.copy_(source), device) for _ in range(TRIALS))
    return 2 * COPIED / fastest


def operations(work: Callable[[], object]) -> int:
    """Return how many floating-point operations some work's convolutions and products are."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def bytes_moved(work: Callable[[], object]) -> int:
    """Return how many bytes some work's operations read and write, each from and to memory.

    What stays in a cache between two operations is counted all the same, and so is what an
    operation reads twice once only.
    """
    counter = ByteCounter()
    with counter:
        work()
    return counter.total


def time_shares(work: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Return which share of some work's time each kind of operation takes, as torch profiles it."""
    with torch.profiler.profile() as profiler:
        work()
    on_device = device.type == "cuda"
    times = dict.fromkeys([*KINDS, "all else"], 0.0)
    for event in profiler.key_averages():
        taken = event.self_device_time_total if on_device else event.self_cpu_time_total
        times[kind_of(event.key)] += taken
    return {kind: taken / sum(times.values()) for kind, taken in times.items()}


def kind_of(operation: str) -> str:
    """Return what kind of operation one is, by its name."""
    kinds = (kind for kind, words in KINDS.items() if any(word in operation for word in words))
    return next(kinds, "all else")


class ByteCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the sizes of what operations take and return; views move nothing.

    Attributes:
        total: bytes so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count one operation."""
        returned = func(*args, **(kwargs or {}))
        if not is_view(func):
            taken = tree_leaves((args, kwargs))
            self.total += sum(
                each.numel() * each.element_size()
                for each in [*taken, *tree_leaves(returned)]
                if isinstance(each, Tensor)
            )
        return returned


def is_view(func: Any) -> bool:
    """Tell whether an operation returns what it was given, seen otherwise."""
    aliases = [returned.alias_info for returned in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)
