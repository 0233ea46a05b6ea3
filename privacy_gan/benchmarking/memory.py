"""The most memory that training holds at once."""

from __future__ import annotations

import multiprocessing
import re
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch


def peak_memory(train: Callable[[], object]) -> int:
    """Return the most bytes that a process of its own held while it trained.

    They are the GPU's as far as torch allocated them, without one the process's resident memory.

    Args:
        train: can be pickled.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(_peak, train).result()


def _peak(train: Callable[[], object]) -> int:
    train()
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    return resident_peak()


def resident_peak() -> int:
    """Return the most bytes of this process that were in memory at once.

    Linux says so of the process alone; what ``getrusage`` tells there begins with what the process
    that started it held.
    """
    status = Path("/proc/self/status")
    if status.exists() and (
        found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))
    ):
        return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
