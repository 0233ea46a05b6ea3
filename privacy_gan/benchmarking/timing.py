"""Contestants take turns, so that whatever else the machine does befalls all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

import torch


class Figures(TypedDict):
    """Something that was taken in several rounds."""

    median: float
    least: float
    most: float
    rounds: list[float]


def seconds_taken(work: Callable[[], object], device: torch.device) -> float:
    """Return how long something takes, until the device is done with it."""
    wait_for(device)
    began = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - began


def wait_for(device: torch.device) -> None:
    """Return when a device has done all that it was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(
    contestants: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Let each do its work once, unmeasured, and then in every round; return seconds by name."""
    for work in contestants.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            taken[name].append(seconds_taken(work, device))
    return taken


def rate(amount: float, seconds: Sequence[float]) -> Figures:
    """Return how much is done in a second, of an amount that took so long in each round."""
    return spread([amount / each for each in seconds])


def ratio(slower: Sequence[float], faster: Sequence[float], amounts: float = 1.0) -> Figures:
    """Return how many times faster one is than another, round by round.

    Args:
        slower: its seconds in each round.
        faster: likewise.
        amounts: how many times as much the faster one did in its time.
    """
    return spread([amounts * one / other for one, other in zip(slower, faster, strict=True)])


def spread(values: Sequence[float]) -> Figures:
    """Return median, least and most of some values, and all of them."""
    return {
        "median": statistics.median(values),
        "least": min(values),
        "most": max(values),
        "rounds": list(values),
    }
