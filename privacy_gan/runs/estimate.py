"""A measured value with its interval."""

from __future__ import annotations

from dataclasses import dataclass

NORMAL_QUANTILE = 1.959963984540054  # of 97.5%: standard errors from a value to its limits


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95% confidence interval over the choice of images."""

    value: float
    low: float
    high: float
