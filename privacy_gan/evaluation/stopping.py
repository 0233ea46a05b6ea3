"""Rules that decide which adversaries train on, and when one is done.

They compare losses on the same validation images, paired by image. Where the data name persons,
standard errors are over persons.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from privacy_gan.evaluation.standard_error import clustered_standard_error
from privacy_gan.runs.estimate import NORMAL_QUANTILE, Estimate

MIN_STEPS = 2000  # before these, networks can look hopeless that are strong later
MAX_GAIN = 0.01  # bits: what the last doubling may have gained when an adversary is done
NEGLIGIBLE_GAIN = 0.001  # bits: below this, even a significant gain is none
MIN_CONTENDERS = 2
DROPPING_ERRORS = 2.0  # standard errors by which a dropped adversary is worse than the best


def mean_estimate(values: Tensor, persons: Tensor | None) -> Estimate:
    """Return the mean of values [N] with its normal 95% interval.

    Args:
        values: one value for each image.
        persons: person in each image, [N], or None.
    """
    mean = float(values.mean())
    spread = NORMAL_QUANTILE * clustered_standard_error(values, persons)
    return Estimate(mean, mean - spread, mean + spread)


def is_done(gains: Sequence[Estimate], steps: int) -> bool:
    """Return whether a network has stopped learning.

    Its last two doublings gained less than one standard error each, or an amount that is certainly
    negligible, and the upper limit of the last gain's 95% interval is below MAX_GAIN.

    Args:
        gains: bits gained by each doubling, from ``mean_estimate``.
        steps: optimizer steps so far.
    """
    if steps < MIN_STEPS or len(gains) < 2:
        return False
    return all(map(is_small, gains[-2:])) and gains[-1].high < MAX_GAIN


def is_small(gain: Estimate) -> bool:
    """Return whether a gain is below its standard error or certainly negligible."""
    error = (gain.high - gain.value) / NORMAL_QUANTILE
    return gain.value < error or gain.high < NEGLIGIBLE_GAIN


def surviving(
    losses: Mapping[str, Tensor],
    training: Collection[str],
    steps: int,
    persons: Tensor | None = None,
) -> list[str]:
    """Return the names of the adversaries in training that are not clearly worse than the best.

    These are at least MIN_CONTENDERS, however good those are that finished before, and all before
    MIN_STEPS (successive halving; Jamieson and Talwalkar, 2016).

    Args:
        losses: each adversary's lowest validation loss so far, in bits, [N] by name.
        training: names of the adversaries that are still in training.
        steps: optimizer steps so far.
        persons: person in each validation image, [N], or None.
    """
    if steps < MIN_STEPS:
        return [name for name in losses if name in training]
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    best = losses[min(losses, key=means.__getitem__)]
    ranked = sorted((name for name in losses if name in training), key=means.__getitem__)
    near = set(ranked[:MIN_CONTENDERS])
    for name in ranked[MIN_CONTENDERS:]:
        deficit = losses[name] - best
        if float(deficit.mean()) <= DROPPING_ERRORS * clustered_standard_error(deficit, persons):
            near.add(name)
    return [name for name in losses if name in near]


def entropy_bits(labels: Tensor) -> float:
    """Return the entropy of labels [N], in bits."""
    frequencies = torch.bincount(labels).double() / len(labels)
    return float(torch.special.entr(frequencies).sum() / torch.log(torch.tensor(2.0).double()))
