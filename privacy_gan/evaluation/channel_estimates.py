"""What held-out images say about a channel without a proof, next to its certificate.

Two estimates, both over persons. The *bootstrap* resamples persons and takes an upper percentile of
the estimate of sum_k max_s P(s, k). It holds for many persons only. The *table* is an adversary: it
guesses the value of s that goes with an outcome most often among four fifths of the persons, and
is scored on the others, in turn. If outcomes are released, the truth lies between what the table
finds and the bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from privacy_gan.evaluation.certificate import SCORES, HeldOut
from privacy_gan.runs.estimate import Estimate

RESAMPLES = 1000
FOLDS = 5
TAIL = 0.025  # of an interval, on each side
SEED = 0


def draw_persons(held_out: HeldOut) -> Tensor:
    """Return how often each person occurs in each bootstrap sample, float64 [RESAMPLES, J]."""
    persons = len(held_out.images_by_person)
    rng = np.random.default_rng(SEED)
    return torch.from_numpy(rng.multinomial(persons, [1 / persons] * persons, RESAMPLES)).double()


def bootstrapped_bounds(
    held_out: HeldOut, drawn: Tensor, confidences: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Return upper percentiles of the best accuracy and balanced accuracy, by confidence and score.

    Args:
        held_out: images that can be certified.
        drawn: see ``draw_persons``.
        confidences: shares of the samples below the percentiles.
    """
    images = drawn @ held_out.images_by_person  # with each value of s, [R, C]
    # the largest P(s, k) and P(k|s) of each sample so far, [R, K]
    joint = conditional = torch.zeros(1, dtype=torch.float64)
    for value in range(held_out.num_classes):  # one at a time, because it takes memory
        channel = held_out.channel * held_out.one_hot[:, [value]]
        sums = drawn @ held_out.sum_over_persons(channel)
        joint = torch.maximum(joint, sums)
        # a sample without the value says nothing: nan
        conditional = torch.maximum(conditional, sums / images[:, [value]])
    best = {
        "accuracy": joint.sum(dim=1) / images.sum(dim=1),
        "balanced_accuracy": conditional.sum(dim=1) / held_out.num_classes,
    }
    return {
        f"{confidence:g}": {score: percentile(best[score], confidence, 1.0) for score in SCORES}
        for confidence in confidences
    }


def table_estimates(held_out: HeldOut, drawn: Tensor) -> dict[str, Estimate]:
    """Return what a table of outcomes finds, by score, with 95% intervals over persons.

    Args:
        held_out: images that can be certified.
        drawn: see ``draw_persons``.
    """
    guesses = {score: torch.zeros_like(held_out.channel[:, 0]) for score in SCORES}
    folds = folds_of(held_out)
    for fold in range(FOLDS):
        others = folds != fold
        joint = held_out.one_hot[others].T @ held_out.channel[others]  # [C, K]
        shares = joint / joint.sum(dim=1, keepdim=True).clamp(min=1)
        for score, table in (("accuracy", joint), ("balanced_accuracy", shares)):
            right = table.argmax(dim=0) == held_out.labels[~others, None]  # [n, K]
            guesses[score][~others] = (held_out.channel[~others] * right).sum(dim=1)
    images = held_out.images_by_person
    found = {}
    for score, hits in guesses.items():
        by_person = held_out.sum_over_persons(held_out.one_hot * hits[:, None])  # [J, C]
        average = accuracy if score == "accuracy" else balanced_accuracy
        value = float(average(by_person.sum(dim=0), images.sum(dim=0)))
        samples = average(drawn @ by_person, drawn @ images)
        low, high = (percentile(samples, level, value) for level in (TAIL, 1 - TAIL))
        found[score] = Estimate(value, low, high)
    return found


def folds_of(held_out: HeldOut) -> Tensor:
    """Return the fold of each image, which is its person's, [N]."""
    rng = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(held_out.images_by_person), generator=rng)
    return order[held_out.persons] % FOLDS


def accuracy(hits: Tensor, images: Tensor) -> Tensor:
    """Return the share of images [..., C] that are hits [..., C]."""
    return hits.sum(dim=-1) / images.sum(dim=-1)


def balanced_accuracy(hits: Tensor, images: Tensor) -> Tensor:
    """Return the mean over classes of the share of images [..., C] that are hits [..., C]."""
    return (hits / images).mean(dim=-1)


def percentile(samples: Tensor, level: float, default: float) -> float:
    """Return a percentile of the samples that are finite, or a default if none is."""
    finite = samples[samples.isfinite()]
    return float(finite.quantile(level)) if len(finite) else default
