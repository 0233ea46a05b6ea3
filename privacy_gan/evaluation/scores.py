"""How well an attribute is predicted: scores of predicted probabilities against true labels.

All take probabilities [N, C] in float64 and labels [N]. Accuracies count images, not batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, multiclass_accuracy

Score = Callable[[Tensor, Tensor, Tensor], float]


def accuracy(probabilities: Tensor, labels: Tensor, prior: Tensor) -> float:
    """Return the share of images whose most probable class is theirs (eq. 5)."""
    del prior
    return float((probabilities.argmax(dim=1) == labels).double().mean())


def balanced_accuracy(probabilities: Tensor, labels: Tensor, prior: Tensor) -> float:
    """Return the mean over classes of the share of a class's images that are recognised.

    Predicted is the class whose probability exceeds its frequency most, as is best for this
    measure; without that, a frequent class would hide what is known of a rare one.

    Args:
        probabilities: [N, C].
        labels: [N].
        prior: frequencies of the classes in training, [C].
    """
    predicted = (probabilities / prior).argmax(dim=1)
    recalls = multiclass_accuracy(predicted, labels, len(prior), average=None, validate_args=False)
    return float(recalls[present(labels, prior)].double().mean())


def auroc(probabilities: Tensor, labels: Tensor, prior: Tensor) -> float:
    """Return the area under the ROC curve; with more classes, the mean of each against all.

    It is nan where only one class occurs.
    """
    occurring = present(labels, prior).nonzero().flatten().tolist()
    if len(occurring) < 2:
        return math.nan  # there is no pair to be put in order
    areas = [
        float(binary_auroc(probabilities[:, c], (labels == c).long(), validate_args=False))
        for c in occurring
    ]
    return sum(areas) / len(areas)


def present(labels: Tensor, prior: Tensor) -> Tensor:
    """Return which classes occur, [C]; a resample may lack a rare one."""
    return torch.bincount(labels, minlength=len(prior)) > 0


def leaked_bits(probabilities: Tensor, labels: Tensor, prior: Tensor) -> float:
    """Return the entropy of s less the adversary's cross-entropy, in bits, not below 0.

    It bounds the mutual information between s and the censored image from below, but for the
    chance of a finite test split.
    """
    del prior
    return bits_from(cross_entropy(probabilities, labels), labels)


def bits_from(cross_entropy: float, labels: Tensor) -> float:
    """Return what a cross-entropy in nats says is known of labels, in bits, not below 0."""
    frequencies = torch.bincount(labels).double() / len(labels)
    entropy = float(torch.special.entr(frequencies).sum())
    return max(0.0, entropy - cross_entropy) / math.log(2)


def cross_entropy(probabilities: Tensor, labels: Tensor) -> float:
    """Return minus the mean log-probability of the labels, in nats."""
    tiny = torch.finfo(probabilities.dtype).tiny
    return float(F.nll_loss(probabilities.clamp_min(tiny).log(), labels))


SCORES: dict[str, Score] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "auroc": auroc,
    "leaked_bits": leaked_bits,
}
