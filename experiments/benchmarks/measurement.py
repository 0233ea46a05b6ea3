"""How long work takes, what it computes and moves, how much memory it holds, what the device could.

Contestants take turns, so that whatever else the machine does befalls all of them.
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

# words in the names of operations, by what they are; the first that fits counts
OPERATION_KINDS = {
    "convolutions": ("conv",),
    "batch norm": ("batch_norm", "BatchNorm"),
    "Adam": ("adam", "Adam"),
    "matrix products": ("mm",),
    "ReLU, pooling and sums": ("threshold", "clamp", "relu", "Relu", "pool", "Pool", "add", "mul"),
    "copies and conversions": ("copy", "cat", "stack", "fill", "contiguous"),
}
PEAK_TRIALS = 5  # the fastest is the peak
COPY_BYTES = 2**28  # bytes, more than any cache holds


class Summary(TypedDict):
    """Something that was taken in several rounds."""

    median: float
    least: float
    most: float
    rounds: list[float]


def summarize(values: Sequence[float]) -> Summary:
    """Return median, least and most of some values, and all of them."""
    median = statistics.median(values)
    return {"median": median, "least": min(values), "most": max(values), "rounds": list(values)}


def summarize_rate(amount: float, seconds: Sequence[float]) -> Summary:
    """Return how much is done in a second, of an amount that took so long in each round."""
    return summarize([amount / each for each in seconds])


def summarize_speedup(slower: Sequence[float], faster: Sequence[float]) -> Summary:
    """Return how many times faster one is than another, from the seconds of each round."""
    return summarize([one / other for one, other in zip(slower, faster, strict=True)])


def synchronize(device: torch.device) -> None:
    """Return when a device has done all that it was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_call(work: Callable[[], object], device: torch.device) -> float:
    """Return how long something takes, until the device is done with it."""
    synchronize(device)
    began = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - began


def time_interleaved(
    contestants: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Let each do its work once, unmeasured, and then in every round; return seconds by name."""
    for work in contestants.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            taken[name].append(time_call(work, device))
    return taken


def measure_peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Return the most floating-point operations that large matrix products reach, in a second."""
    size = 8192 if device.type == "cuda" else 4096
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / min_seconds(lambda: one @ other, device)


def measure_peak_bandwidth(device: torch.device) -> float:
    """Return the most bytes that a copy reads and writes in a second."""
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / min_seconds(lambda: target.copy_(source), device)


def min_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the least seconds that something takes, after a time that does not count."""
    return min(time_interleaved({"work": work}, PEAK_TRIALS, device)["work"])


def count_flops(work: Callable[[], object]) -> int:
    """Return how many floating-point operations some work's convolutions and products are."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def count_bytes_moved(work: Callable[[], object]) -> int:
    """Return how many bytes some work's operations read and write, each from and to memory.

    What stays in a cache between two operations is counted all the same, and so is what an
    operation reads twice once only.
    """
    counter = ByteCounter()  # type: ignore[no-untyped-call]
    with counter:
        work()
    return counter.total


class ByteCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the sizes of what operations take and return, in bytes; views move nothing."""

    total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count one operation."""
        returned = func(*args, **(kwargs or {}))
        aliases = [result.alias_info for result in func._schema.returns]
        if not any(alias is not None and not alias.is_write for alias in aliases):
            moved = tree_leaves((args, kwargs, returned))
            self.total += sum(each.nbytes for each in moved if isinstance(each, Tensor))
        return returned


def time_shares(work: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Return which share of some work's time each kind of operation takes, as torch profiles it."""
    with torch.profiler.profile() as profiler:
        work()
    on_device = device.type == "cuda"
    times = dict.fromkeys([*OPERATION_KINDS, "all else"], 0.0)
    for event in profiler.key_averages():
        taken = event.self_device_time_total if on_device else event.self_cpu_time_total
        times[operation_kind(event.key)] += taken
    return {kind: taken / sum(times.values()) for kind, taken in times.items()}


def operation_kind(operation: str) -> str:
    """Return what kind of operation one is, by its name."""
    kinds = (kind for kind, words in OPERATION_KINDS.items() if any(word in operation for word in words))
    return next(kinds, "all else")


def measure_peak_memory(train: Callable[[], object]) -> int:
    """Return the most bytes that a process of its own held while it trained.

    They are the GPU's as far as torch allocated them, without one the process's resident memory.

    Args:
        train: can be pickled.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train_and_measure, train).result()


def _train_and_measure(train: Callable[[], object]) -> int:
    train()
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    return peak_resident_bytes()


def peak_resident_bytes() -> int:
    """Return the most bytes of this process that were in memory at once.

    Linux says so of the process alone; what ``getrusage`` tells there begins with what the process
    that started it held.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))):
        return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
