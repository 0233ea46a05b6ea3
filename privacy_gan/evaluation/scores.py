"""How well an attribute is predicted: scores of predicted probabilities against true labels.

All are taken of many samples of the images at once. Accuracies count images, not batches.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.evaluation.bootstrap import mean, of_all


class Score(Protocol):
    """A score."""

    def __call__(
        self, weights: Tensor, probabilities: Tensor, labels: Tensor, prior: Tensor
    ) -> Tensor:
        """Return the score of each sample, [R].

        Args:
            weights: how often each image counts in each sample, [R, N].
            probabilities: predicted, float64 [N, C].
            labels: true ones, [N].
            prior: frequencies of the classes in training, [C].
        """


def accuracy(weights: Tensor, probabilities: Tensor, labels: Tensor, prior: Tensor) -> Tensor:
    """Return the share of images whose most probable class is theirs (eq. 5)."""
    del prior
    return mean(weights, probabilities.argmax(dim=1) == labels)


def balanced_accuracy(
    weights: Tensor, probabilities: Tensor, labels: Tensor, prior: Tensor
) -> Tensor:
    """Return the mean over classes of the share of a class's images that are recognised.

    Predicted is the class whose probability exceeds its frequency most, as is best for this
    measure; without that, a frequent class would hide what is known of a rare one. Classes that a
    sample lacks do not count.
    """
    recognised = (probabilities / prior).argmax(dim=1) == labels
    totals = counts(weights, labels, len(prior))  # [R, C]
    recalls = counts(weights * recognised, labels, len(prior)) / totals
    return recalls.nansum(dim=1) / (totals > 0).sum(dim=1)


def auroc(weights: Tensor, probabilities: Tensor, labels: Tensor, prior: Tensor) -> Tensor:
    """Return the area under the ROC curve; with more classes, the mean of each against all.

    It is nan where only one class occurs: there is no pair to be put in order.
    """
    areas = torch.stack(
        [area(weights, probabilities[:, c], labels == c) for c in range(len(prior))], dim=1
    )
    occurring = counts(weights, labels, len(prior)) > 0
    return areas.nansum(dim=1) / torch.where(occurring.sum(dim=1) > 1, occurring.sum(dim=1), 0)


def area(weights: Tensor, values: Tensor, positive: Tensor) -> Tensor:
    """Return the share of pairs in which the positive has the larger value, ties counting half.

    Args:
        weights: [R, N].
        values: [N].
        positive: bool [N].

    Returns:
        [R], nan in a sample without positives or without negatives.
    """
    order = values.argsort()
    values, positive, weights = values[order], positive[order], weights[:, order]
    # negatives up to each place, and where the values that equal a positive's begin and end
    negatives = F.pad((weights * ~positive).cumsum(dim=1), (1, 0))
    own = values[positive].contiguous()
    below = negatives[:, torch.searchsorted(values, own)]
    not_above = negatives[:, torch.searchsorted(values, own, right=True)]
    of_positives = weights[:, positive]
    ordered = (of_positives * (below + not_above)).sum(dim=1) / 2
    return ordered / (of_positives.sum(dim=1) * negatives[:, -1])


def leaked_bits(weights: Tensor, probabilities: Tensor, labels: Tensor, prior: Tensor) -> Tensor:
    """Return the entropy of s less the adversary's cross-entropy, in bits, not below 0.

    It bounds the mutual information between s and the censored image from below, but for the
    chance of a finite test split.
    """
    del prior
    return bits(weights, mean(weights, surprise(probabilities, labels)), labels)


def bits(weights: Tensor, cross_entropy: Tensor, labels: Tensor) -> Tensor:
    """Return what cross-entropies in nats, [R], say is known of labels, in bits, not below 0."""
    frequencies = counts(weights, labels) / weights.sum(dim=1, keepdim=True)
    entropy: Tensor = torch.special.entr(frequencies).sum(dim=1)
    return (entropy - cross_entropy).clamp_min(0) / math.log(2)


def bits_from(cross_entropy: float, labels: Tensor) -> float:
    """Return what a cross-entropy in nats says is known of labels, in bits, not below 0."""
    given = torch.tensor([cross_entropy], dtype=torch.float64)
    return of_all(lambda weights, of: bits(weights, given, of), labels)


def cross_entropy(probabilities: Tensor, labels: Tensor) -> float:
    """Return minus the mean log-probability of the labels, in nats."""
    return of_all(mean, surprise(probabilities, labels))


def surprise(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return minus the log-probability of each label, in nats, finite, [N]."""
    tiny = torch.finfo(probabilities.dtype).tiny
    nats: Tensor = F.nll_loss(probabilities.clamp_min(tiny).log(), labels, reduction="none")
    return nats


def counts(weights: Tensor, labels: Tensor, num_classes: int = -1) -> Tensor:
    """Return how often each class occurs in each sample, [R, C]."""
    occurs: Tensor = F.one_hot(labels, num_classes).to(weights)
    return weights @ occurs


SCORES: dict[str, Score] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "auroc": auroc,
    "leaked_bits": leaked_bits,
}
