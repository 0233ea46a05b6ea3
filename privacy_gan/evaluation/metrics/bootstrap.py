"""Estimates with 95% bootstrap intervals (Efron, 1979) over test images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.result import Estimate

# of weights [R, N], how often each image counts in each of R samples, and of columns [N, ...]: [R]
Statistic = Callable[..., Tensor]

TAIL = 0.025
NORMAL_QUANTILE = 1.959963984540054  # of 1 - TAIL
CHUNK_SIZE = 100  # samples


class Bootstrap:
    """Draws test images with replacement, the same ones for every measure.

    Args:
        resamples: number of draws.
        seed: of the draws.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples = resamples
        self.seed = seed
        self._weights: dict[int, Tensor] = {}

    def percentile(self, statistic: Statistic, *columns: Tensor) -> Estimate | None:
        """Return a statistic with the quantiles of its bootstrap values.

        Args:
            statistic: see ``Statistic``.
            columns: [N, ...] each, an entry for each image.

        Returns:
            None where the statistic is not defined (nan or infinite) on the columns as they are.
        """
        value = compute_on_all(statistic, *columns)
        if not math.isfinite(value):
            return None
        weights = torch.split(self.weights(len(columns[0])), CHUNK_SIZE)
        drawn = torch.cat([statistic(some.double(), *columns) for some in weights]).numpy()
        low, high = np.quantile(drawn[np.isfinite(drawn)], [TAIL, 1 - TAIL])
        return Estimate(value, float(low), float(high))

    def normal(
        self, statistic: Callable[..., float], resamples: int, *columns: Tensor
    ) -> Estimate | None:
        """Return a statistic, not below 0, with an interval from its bootstrap standard error.

        For statistics that repeated images bias, such as a Frechet distance: their bootstrap
        values lie beside the value, but spread as it does. None where the statistic is not
        defined.

        Args:
            statistic: a number from columns [M, ...].
            resamples: number of draws, in place of the usual one.
            columns: [N, ...] each, an entry for each image.
        """
        value = statistic(*columns)
        if not math.isfinite(value):
            return None
        drawn = [
            statistic(*(column[chosen] for column in columns))
            for chosen in self.draws(len(columns[0]), resamples)
        ]
        spread = NORMAL_QUANTILE * float(np.std(drawn, ddof=1))
        return Estimate(value, max(0.0, value - spread), value + spread)

    def weights(self, count: int) -> Tensor:
        """Return how often each of some images was drawn in each sample, int16 [R, count]."""
        if count not in self._weights:
            drawn = [
                torch.bincount(chosen, minlength=count).to(torch.int16)
                for chosen in self.draws(count, self.resamples)
            ]
            self._weights[count] = torch.stack(drawn)
        return self._weights[count]

    def draws(self, count: int, resamples: int) -> Iterator[Tensor]:
        """Yield the numbers of drawn images, [count], sample by sample."""
        rng = keyed_generator("cpu", self.seed, Purpose.BOOTSTRAP)
        for _ in range(resamples):
            yield torch.randint(count, (count,), generator=rng)


def compute_on_all(statistic: Statistic, *columns: Tensor) -> float:
    """Return a statistic of the images as they are, each counting once."""
    return float(statistic(torch.ones(1, len(columns[0]), dtype=torch.float64), *columns))
