"""Estimates with 95% bootstrap intervals (Efron, 1979) over the test images.

Where the data name persons, these are resampled, each with all its images (the cluster bootstrap;
Davison and Hinkley, 1997, section 3.8): images of the same person are similar, so intervals that
resample images would be too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.estimate import NORMAL_QUANTILE, Estimate

# Computes a statistic [R] from weights [R, N], the number of times each image occurs in each of R
# samples, and from columns [N, ...].
Statistic = Callable[..., Tensor]

TAIL = 0.025
CHUNK_SIZE = 100  # samples


class Bootstrap:
    """Resamples test images or persons with replacement, with the same draws for every metric.

    Args:
        resamples: number of bootstrap samples.
        seed: seed of the draws.
        persons: integer id of the person in each test image, [N]: persons are then drawn, and each
            brings all its images. None draws images.
    """

    def __init__(self, resamples: int, seed: int, persons: Tensor | None = None) -> None:
        self.resamples = resamples
        self.seed = seed
        self.persons = persons
        self._weights: dict[int, Tensor] = {}

    def over(self, persons: Tensor | None) -> Bootstrap:
        """Return a bootstrap with the same number and seed of samples that draws these persons."""
        if persons is None and self.persons is None:
            return self  # with its draws
        return Bootstrap(self.resamples, self.seed, persons)

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
        """Return how often each of ``count`` images occurs in each sample, int16 [R, count].

        Raises:
            ValueError: ``count`` is not the number of images whose persons are known.
        """
        if count not in self._weights:
            samples = [
                torch.bincount(indices, minlength=count).to(torch.int16)
                for indices in self.draw_indices(count, self.resamples)
            ]
            self._weights[count] = torch.stack(samples)
        return self._weights[count]

    def draw_indices(self, count: int, resamples: int) -> Iterator[Tensor]:
        """Yield the indices of the images in each sample, [count]; of persons, any number.

        Raises:
            ValueError: ``count`` is not the number of images whose persons are known.
        """
        rng = keyed_generator("cpu", self.seed, Purpose.BOOTSTRAP)
        if self.persons is None:
            for _ in range(resamples):
                yield torch.randint(count, (count,), generator=rng)
            return
        if len(self.persons) != count:
            raise ValueError(f"{len(self.persons)} persons for {count} images")
        names, person = torch.unique(self.persons, return_inverse=True)
        for _ in range(resamples):
            drawn = torch.randint(len(names), (len(names),), generator=rng)
            times = torch.bincount(drawn, minlength=len(names))
            yield torch.arange(count).repeat_interleave(times[person])


def compute_on_all(statistic: Statistic, *columns: Tensor) -> float:
    """Return a statistic of the images themselves, each with weight 1."""
    return float(statistic(torch.ones(1, len(columns[0]), dtype=torch.float64), *columns))
