"""The standard error of a mean over images of which several may show the same person."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def clustered_standard_error(values: Tensor, persons: Tensor | None) -> float:
    """Return the standard error of the mean of ``values``, robust to similarities within persons.

    This is the cluster-robust standard error of a mean (Liang and Zeger, 1986): the residuals of
    each of G persons are summed, and the error is sqrt(G / (G - 1) * sum of squared sums) / N. If
    every image shows another person, this is the usual s / sqrt(N).

    Args:
        values: one value for each image, [N].
        persons: integer id of the person in each image, [N]; None if every image counts as
            another person.

    Returns:
        A number >= 0 in the unit of the values; infinite if there are fewer than two persons, nan
        if a value is nan or infinite.
    """
    values = values.detach().cpu().double()
    sums = values - values.mean()
    if persons is not None:
        _, index = torch.unique(persons.cpu(), return_inverse=True)
        count = int(index.max()) + 1 if len(index) else 0
        sums = torch.zeros(count, dtype=torch.float64).index_add_(0, index, sums)
    count = len(sums)
    if count < 2:
        return math.inf
    return math.sqrt(count / (count - 1) * float(sums.square().sum())) / len(values)
