"""Measures time, floating-point operations, memory traffic, peak memory and peak performance.

Contestants are timed in turn, so that other load on the machine affects all of them.
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

# parts of operation names by kind; the first kind that matches counts
OPERATION_KINDS = {
    "convolutions": ("conv",),
    "batch norm": ("batch_norm", "BatchNorm"),
    "Adam": ("adam", "Adam"),
    "matrix products": ("mm",),
    "ReLU, pooling and sums": ("threshold", "clamp", "relu", "Relu", "pool", "Pool", "add", "mul"),
    "copies and conversions": ("copy", "cat", "stack", "fill", "contiguous"),
}
PEAK_TRIALS = 5  # the fastest gives the peak
COPY_BYTES = 2**28  # more than any cache holds


class Summary(TypedDict):
    """Summary of a value that was measured in several rounds."""

    median: float
    least: float
    most: float
    rounds: list[float]


def summarize(values: Sequence[float]) -> Summary:
    """Return the median, minimum and maximum of some values, and the values."""
    median = statistics.median(values)
    return {"median": median, "least": min(values), "most": max(values), "rounds": list(values)}


def format_summary(summary: Summary) -> str:
    """Return median, minimum and maximum, with three significant digits below 100."""
    median, minimum, maximum = (
        f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        for value in (summary["median"], summary["least"], summary["most"])
    )
    return f"{median} ({minimum} to {maximum})"


def summarize_rate(amount: float, seconds: Sequence[float]) -> Summary:
    """Summarize the amount per second, from the seconds that an amount took in each round."""
    return summarize([amount / each for each in seconds])


def summarize_speedup(slower: Sequence[float], faster: Sequence[float]) -> Summary:
    """Summarize how many times faster one variant is, from the seconds of each round."""
    return summarize([one / other for one, other in zip(slower, faster, strict=True)])


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_call(work: Callable[[], object], device: torch.device) -> float:
    """Return how many seconds some work takes, including work queued on the device."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def time_interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Time all variants in every round, after a warm-up; return their seconds by name."""
    for work in variants.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            seconds[name].append(time_call(work, device))
    return seconds


def measure_peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of large matrix products."""
    size = 8192 if device.type == "cuda" else 4096
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return 2 * size**3 / min_seconds(lambda: one @ other, device)


def measure_peak_bandwidth(device: torch.device) -> float:
    """Return the bytes per second that a large copy reads and writes."""
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / min_seconds(lambda: target.copy_(source), device)


def min_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the minimum seconds of some work over PEAK_TRIALS trials, after a warm-up."""
    return min(time_interleaved({"work": work}, PEAK_TRIALS, device)["work"])


def count_flops(work: Callable[[], object]) -> int:
    """Return the floating-point operations of convolutions and matrix products in some work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def count_bytes_moved(work: Callable[[], object]) -> int:
    """Return the bytes that the operations of some work read and write.

    Caches are ignored: every operation counts each of its tensors once.
    """
    counter = ByteCounter()  # type: ignore[no-untyped-call]
    with counter:
        work()
    return counter.total


class ByteCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the bytes of the inputs and outputs of operations; views count nothing."""

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
    """Return the share of time that each kind of operation takes, from torch's profiler."""
    with torch.profiler.profile() as profiler:
        work()
    on_device = device.type == "cuda"
    times = dict.fromkeys([*OPERATION_KINDS, "all else"], 0.0)
    for event in profiler.key_averages():
        duration = event.self_device_time_total if on_device else event.self_cpu_time_total
        times[operation_kind(event.key)] += duration
    return {kind: duration / sum(times.values()) for kind, duration in times.items()}


def operation_kind(operation: str) -> str:
    """Return the kind of an operation, a key of OPERATION_KINDS or "all else"."""
    kinds = (
        kind for kind, words in OPERATION_KINDS.items() if any(word in operation for word in words)
    )
    return next(kinds, "all else")


def measure_peak_memory(train: Callable[[], object]) -> int:
    """Return the peak memory of training in a new process, in bytes.

    It is the GPU memory that torch allocated or, without a GPU, the process's resident memory.

    Args:
        train: must be picklable.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train_and_measure, train).result()


def _train_and_measure(train: Callable[[], object]) -> int:
    train()
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    return peak_resident_bytes()


def peak_resident_bytes() -> int:
    """Return the peak resident memory of this process, in bytes.

    On Linux it is read from /proc, because ``getrusage`` there starts from the parent's memory.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))):
        return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
