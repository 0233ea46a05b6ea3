"""Statistics of many weighted samples of images at once.

Weights, float64 [R, N], are the number of times each of N images occurs in each of R samples. The
functions return one value per sample, [R].
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that reading the metrics' records does not import torch
    from torch import Tensor

# Variances below are rounding errors: a column of 0 and 1 that is not constant over N images has a
# variance of at least (N - 1) / N^2.
ROUNDING = 1e-12


def mean(weights: Tensor, column: Tensor) -> Tensor:
    """Return the mean of a column [N] over the images."""
    return weights @ column.to(weights) / weights.sum(dim=1)


def mean_of_known(weights: Tensor, columns: Tensor, known: Tensor) -> Tensor:
    """Return the mean of each column [N, A] over the images whose value is known, [R, A].

    Args:
        weights: see the module's docstring.
        columns: [N, A].
        known: bool [N, A].
    """
    known = known.to(weights)
    return weights @ (columns.to(weights) * known) / (weights @ known)


def counts(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the number of occurrences of each class, [R, C]."""
    one_hot = labels[:, None] == labels.new_tensor(range(num_classes))
    return weights @ one_hot.to(weights)


def area_under_roc(weights: Tensor, values: Tensor, positive: Tensor) -> Tensor:
    """Return the share of pairs in which the positive has the higher value; ties count half.

    Args:
        weights: see the module's docstring.
        values: [N].
        positive: bool [N].

    Returns:
        nan in a sample without positives or without negatives.
    """
    import torch
    import torch.nn.functional as F

    order = values.argsort()
    values, positive, weights = values[order], positive[order], weights[:, order]
    # number of negatives before each position, then before and through each run of equal values
    negatives = F.pad((weights * ~positive).cumsum(dim=1), (1, 0))
    positive_values = values[positive].contiguous()
    below = negatives[:, torch.searchsorted(values, positive_values)]
    not_above = negatives[:, torch.searchsorted(values, positive_values, right=True)]
    positive_weights = weights[:, positive]
    ordered = (positive_weights * (below + not_above)).sum(dim=1) / 2
    return ordered / (positive_weights.sum(dim=1) * negatives[:, -1])


def true_positive_rate(
    weights: Tensor, values: Tensor, positive: Tensor, false_positive_rate: float
) -> Tensor:
    """Return the true positive rate at a false positive rate.

    It is the height of the ROC curve there. Points of the curve are joined by straight lines, which
    corresponds to breaking ties at random.

    Args:
        weights: see the module's docstring.
        values: [N].
        positive: bool [N].
        false_positive_rate: below 1.

    Returns:
        nan in a sample without positives or without negatives.
    """
    import torch
    import torch.nn.functional as F

    order = values.argsort(descending=True)
    values, positive, weights = values[order], positive[order], weights[:, order]
    ends = torch.ones_like(positive)  # of runs of equal values, where thresholds are possible
    ends[:-1] = values[1:] != values[:-1]
    true_positives = F.pad((weights * positive).cumsum(dim=1)[:, ends], (1, 0))
    false_positives = F.pad((weights * ~positive).cumsum(dim=1)[:, ends], (1, 0))
    allowed = false_positives[:, -1:] * false_positive_rate
    last = (false_positives <= allowed).sum(dim=1, keepdim=True) - 1
    after = (last + 1).clamp_max(false_positives.shape[1] - 1)
    below, above = false_positives.gather(1, last), false_positives.gather(1, after)
    part = (allowed - below) / (above - below)  # nan without negatives
    start = true_positives.gather(1, last)
    height = start + part * (true_positives.gather(1, after) - start)
    return height.squeeze(1) / true_positives[:, -1]


def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return minus the log-probability of each label, in nats, clamped to be finite, [N]."""
    import torch

    tiny = torch.finfo(probabilities.dtype).tiny
    return -probabilities.clamp_min(tiny).log().gather(1, labels[:, None]).squeeze(1)


def information(weights: Tensor, cross_entropy: Tensor, labels: Tensor) -> Tensor:
    """Return the entropy of the labels minus cross-entropies in nats, [R], in bits, at least 0."""
    import torch

    frequencies = counts(weights, labels, int(labels.max()) + 1)
    entropy: Tensor = torch.special.entr(frequencies / weights.sum(dim=1, keepdim=True)).sum(dim=1)
    return (entropy - cross_entropy).clamp_min(0) / math.log(2)


def correlation(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return the Pearson correlation of classes [N]; nan where one of them is constant."""
    means = mean(weights, one), mean(weights, other)
    variances = [
        mean(weights, column * column) - average.square()
        for column, average in zip((one, other), means, strict=True)
    ]
    covariance = mean(weights, one * other) - means[0] * means[1]
    vary = (variances[0] > ROUNDING) & (variances[1] > ROUNDING)
    return (covariance / (variances[0] * variances[1]).sqrt()).where(vary, math.nan)


def cramers_v(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Cramer's V of classes [N]; for two binary ones, the absolute correlation.

    It is sqrt(chi^2 / (n (k - 1))), where k is the smaller number of values that occur (Cramer,
    1946, section 21.9); nan where one of them is constant.
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
