"""What can be predicted of an attribute without looking at an image."""

from __future__ import annotations

import torch
from torch import Tensor


def prior(labels: Tensor, num_classes: int = 2) -> Tensor:
    """Return the classes' frequencies among labels [N], float64 [C]."""
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def correlation_floor(
    train_labels: Tensor, train_others: Tensor, test_others: Tensor, num_classes: int = 2
) -> Tensor:
    """Predict an attribute from the other attributes alone: their correlation with it.

    Each combination of the others (64 of six binary ones) predicts the frequencies that it has in
    training, with one image more, spread like all images: so a combination that does not occur
    there predicts the frequencies of all.

    Args:
        train_labels: the attribute, [N].
        train_others: the other attributes, [N, A].
        test_others: the same of the images to predict, [M, A].
        num_classes: values of the attribute.

    Returns:
        Probabilities, float64 [M, C]. A mechanism that leaves the other attributes readable cannot
        push an adversary below what these achieve.
    """
    cells, place = torch.unique(torch.cat([train_others, test_others]), dim=0, return_inverse=True)
    train_place, test_place = place.split([len(train_others), len(test_others)])
    counts = prior(train_labels, num_classes).expand(len(cells), -1).clone()
    ones = torch.ones(len(train_labels), dtype=torch.float64)
    counts.index_put_((train_place, train_labels), ones, accumulate=True)
    return (counts / counts.sum(dim=1, keepdim=True))[test_place]
