"""Means and spreads over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class OverSeeds:
    """A value measured in runs that differ in nothing but their seed.

    Attributes:
        mean: over the runs.
        std: standard deviation of a run, with n - 1; None of one run, which has none.
        seeds: number of runs.
    """

    mean: float
    std: float | None
    seeds: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> OverSeeds | None:
        """Return what values amount to, those that are not defined left out; None without any."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        std = statistics.stdev(defined) if len(defined) > 1 else None
        return cls(statistics.fmean(defined), std, len(defined))
