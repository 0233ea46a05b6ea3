"""What a step computes, and what the device could."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from privacy_gan.benchmarking.timing import seconds_taken

MULTIPLICATIONS = 5  # of matrices; the fastest is the peak


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Return the most floating-point operations that large matrix products reach, in a second."""
    size = 8192 if device.type == "cuda" else 4096
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    one @ other
    fastest = min(seconds_taken(lambda: one @ other, device) for _ in range(MULTIPLICATIONS))
    return 2 * size**3 / fastest


def operations(work: Callable[[], object]) -> int:
    """Return how many floating-point operations some work's convolutions and products are."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
