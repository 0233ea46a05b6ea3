"""Estimates with 95% bootstrap intervals (Efron, 1979) over test images."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.result import Estimate

TAIL = 0.025
NORMAL_QUANTILE = 1.959963984540054  # of 1 - TAIL


class Bootstrap:
    """Draws test images with replacement, the same ones for every measure.

    Args:
        resamples: number of draws.
        seed: of the draws.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples = resamples
        self.seed = seed

    def percentile(self, statistic: Callable[..., float], *columns: Tensor) -> Estimate | None:
        """Return a statistic with the quantiles of its bootstrap values.

        Args:
            statistic: a number from columns [M, ...].
            columns: [N, ...] each, an entry for each image.

        Returns:
            None where the statistic is not defined (nan or infinite) on the columns as they are.
        """
        value = float(statistic(*columns))
        if not math.isfinite(value):
            return None
        drawn = np.array(self._drawn(statistic, columns, self.resamples))
        low, high = np.quantile(drawn[np.isfinite(drawn)], [TAIL, 1 - TAIL])
        return Estimate(value, float(low), float(high))

    def normal(
        self, statistic: Callable[..., float], resamples: int, *columns: Tensor
    ) -> Estimate | None:
        """Return a statistic, not below 0, with an interval from its bootstrap standard error.

        For statistics that repeated images bias, such as a Frechet distance: their bootstrap
        values lie beside the value, but spread as it does. None where the statistic is not
        defined.
        """
        value = float(statistic(*columns))
        if not math.isfinite(value):
            return None
        spread = NORMAL_QUANTILE * float(np.std(self._drawn(statistic, columns, resamples), ddof=1))
        return Estimate(value, max(0.0, value - spread), value + spread)

    def _drawn(
        self, statistic: Callable[..., float], columns: tuple[Tensor, ...], resamples: int
    ) -> list[float]:
        count = len(columns[0])
        rng = keyed_generator("cpu", self.seed, Purpose.BOOTSTRAP)
        values = []
        for _ in range(resamples):
            chosen = torch.randint(count, (count,), generator=rng)
            values.append(float(statistic(*(column[chosen] for column in columns))))
        return values


def mean(column: Tensor) -> float:
    """Return the mean over images."""
    return float(column.double().mean())
