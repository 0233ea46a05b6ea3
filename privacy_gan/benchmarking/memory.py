"""The most memory that training holds at once."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

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
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
