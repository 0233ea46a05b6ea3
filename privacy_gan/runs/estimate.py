"""A measured value with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95% confidence interval over the choice of images."""

    value: float
    low: float
    high: float
