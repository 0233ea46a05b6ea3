"""Estimates with 95% bootstrap intervals (Efron, 1979) over the test images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.estimate import Estimate

# Computes a statistic [R] from weights [R, N], the number of times each image occurs in each of R
# samples, and from columns [N, ...].
Statistic = Callable[..., Tensor]

TAIL = 0.025
NORMAL_QUANTILE = 1.959963984540054  # of 1 - TAIL
CHUNK_SIZE = 100  # samples


class Bootstrap:
    """Resamples test images with replacement, with the same draws for every metric.

    Args:
        resamples: number of bootstrap samples.
        seed: seed of the draws.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples = resamples
        self.seed = seed
        self._weights: dict[int, Tensor] = {}

    def percentile(self, statistic: Statistic, *columns: Tensor) -> Estimate | None:
        """Return a statistic with its percentile bootstrap interval.

        Args:
            statistic: see ``Statistic``.
            columns: [N, ...] each, one entry per image.

        Returns:
            None where the statistic of the images themselves is nan or infinite.
        """
        value = compute_on_all(statistic, *columns)
        if not math.isfinite(value):
            return None
        weights = torch.split(self.weights(len(columns[0])), CHUNK_SIZE)
        samples = torch.cat([statistic(chunk.double(), *columns) for chunk in weights]).numpy()
        low, high = np.quantile(samples[np.isfinite(samples)], [TAIL, 1 - TAIL])
        return Estimate(value, float(low), float(high))

    def normal(
        self, statistic: Callable[..., float], resamples: int, *columns: Tensor
    ) -> Estimate | None:
        """Return a non-negative statistic with an interval from its bootstrap standard error.

        This is for statistics that repeated images bias, such as a Frechet distance: the bootstrap
        values are shifted away from the value, but their spread is right.

        Args:
            statistic: computes a number from columns [M, ...].
            resamples: number of bootstrap samples, instead of ``self.resamples``.
            columns: [N, ...] each, one entry per image.

        Returns:
            None where the statistic is nan or infinite.
        """
        value = statistic(*columns)
        if not math.isfinite(value):
            return None
        samples = [
            statistic(*(column[indices] for column in columns))
            for indices in self.draw_indices(len(columns[0]), resamples)
        ]
        spread = NORMAL_QUANTILE * float(np.std(samples, ddof=1))
        return Estimate(value, max(0.0, value - spread), value + spread)

    def weights(self, count: int) -> Tensor:
        """Return how often each of ``count`` images occurs in each sample, int16 [R, count]."""
        if count not in self._weights:
            samples = [
                torch.bincount(indices, minlength=count).to(torch.int16)
                for indices in self.draw_indices(count, self.resamples)
            ]
            self._weights[count] = torch.stack(samples)
        return self._weights[count]

    def draw_indices(self, count: int, resamples: int) -> Iterator[Tensor]:
        """Yield the indices of the images in each sample, [count]."""
        rng = keyed_generator("cpu", self.seed, Purpose.BOOTSTRAP)
        for _ in range(resamples):
            yield torch.randint(count, (count,), generator=rng)


def compute_on_all(statistic: Statistic, *columns: Tensor) -> float:
    """Return a statistic of the images themselves, each with weight 1."""
    return float(statistic(torch.ones(1, len(columns[0]), dtype=torch.float64), *columns))
