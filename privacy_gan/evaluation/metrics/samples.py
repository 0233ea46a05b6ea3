"""Statistics of many weighted samples of images at once.

Weights say how often each image counts in each sample, float64 [R, N]; what is returned is [R].
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # metrics' records are read where torch is not loaded
    from torch import Tensor

ROUNDING = 1e-12  # of a variance; what varies at all over N images has one of (N - 1) / N^2


def mean(weights: Tensor, column: Tensor) -> Tensor:
    """Return the mean of a column [N] over images."""
    return weights @ column.to(weights) / weights.sum(dim=1)


def counts(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return how often each class occurs, [R, C]."""
    occurs = labels[:, None] == labels.new_tensor(range(num_classes))
    return weights @ occurs.to(weights)


def area_under_roc(weights: Tensor, values: Tensor, positive: Tensor) -> Tensor:
    """Return the share of pairs in which the positive has the larger value, ties counting half.

    Args:
        weights: see above.
        values: [N].
        positive: bool [N].

    Returns:
        nan in a sample without positives or without negatives.
    """
    import torch
    import torch.nn.functional as F

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


def true_positive_rate(
    weights: Tensor, values: Tensor, positive: Tensor, false_positive_rate: float
) -> Tensor:
    """Return the share of positives above a threshold that some share of the negatives exceeds.

    It is the height of the ROC curve there, whose points are joined by straight lines: images of
    the same value are taken by lot.

    Args:
        weights: see above.
        values: [N].
        positive: bool [N].
        false_positive_rate: the share of the negatives, below 1.

    Returns:
        nan in a sample without positives or without negatives.
    """
    import torch
    import torch.nn.functional as F

    order = values.argsort(descending=True)
    values, positive, weights = values[order], positive[order], weights[:, order]
    ends = torch.ones_like(positive)  # of runs of equal values, where thresholds can lie
    ends[:-1] = values[1:] != values[:-1]
    told = F.pad((weights * positive).cumsum(dim=1)[:, ends], (1, 0))
    mistaken = F.pad((weights * ~positive).cumsum(dim=1)[:, ends], (1, 0))
    allowed = mistaken[:, -1:] * false_positive_rate
    last = (mistaken <= allowed).sum(dim=1, keepdim=True) - 1
    after = (last + 1).clamp_max(mistaken.shape[1] - 1)
    below, above = mistaken.gather(1, last), mistaken.gather(1, after)
    part = (allowed - below) / (above - below)  # nan without negatives
    height = told.gather(1, last) + part * (told.gather(1, after) - told.gather(1, last))
    return height.squeeze(1) / told[:, -1]


def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return minus the log-probability of each label, in nats, finite, [N]."""
    import torch

    tiny = torch.finfo(probabilities.dtype).tiny
    return -probabilities.clamp_min(tiny).log().gather(1, labels[:, None]).squeeze(1)


def information(weights: Tensor, cross_entropy: Tensor, labels: Tensor) -> Tensor:
    """Return what cross-entropies in nats, [R], say is known of labels, in bits, not below 0."""
    import torch

    frequencies = counts(weights, labels, int(labels.max()) + 1)
    entropy: Tensor = torch.special.entr(frequencies / weights.sum(dim=1, keepdim=True)).sum(dim=1)
    return (entropy - cross_entropy).clamp_min(0) / math.log(2)


def correlation(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Pearson's correlation of classes [N]; nan where one of the two does not vary."""
    means = mean(weights, one), mean(weights, other)
    variances = [
        mean(weights, column * column) - average.square()
        for column, average in zip((one, other), means, strict=True)
    ]
    covariance = mean(weights, one * other) - means[0] * means[1]
    vary = (variances[0] > ROUNDING) & (variances[1] > ROUNDING)
    return (covariance / (variances[0] * variances[1]).sqrt()).where(vary, math.nan)


def cramers_v(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Cramer's V of classes [N], for two binary ones the absolute value of the correlation.

    sqrt(chi^2 / (n (k - 1))), with k the smaller number of values that occur (Cramer, 1946,
    section 21.9); nan where one of the two does not vary.
    """
    sizes = int(one.max()) + 1, int(other.max()) + 1
    cells = counts(weights, one * sizes[1] + other, sizes[0] * sizes[1])
    table = cells.view(-1, *sizes)  # [R, C, C']
    rows, columns = table.sum(dim=2), table.sum(dim=1)
    number = weights.sum(dim=1)
    expected = rows[:, :, None] * columns[:, None, :] / number[:, None, None]
    squares = (table - expected).square() / expected  # nan where a value does not occur
    values = (rows > 0).sum(dim=1).minimum((columns > 0).sum(dim=1))
    strength = (squares.nansum(dim=(1, 2)) / (number * (values - 1))).sqrt()
    return strength.where(values > 1, math.nan)
