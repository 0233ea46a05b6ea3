"""Frechet distance between sets of features (Heusel et al., 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Return the squared Frechet distance between normal distributions fitted to features.

    It is |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). With S1 = A^T A and S2 = B^T B, the nonzero
    eigenvalues of S1 S2 are the squared singular values of A B^T, whose sum is the trace of the
    last root.

    Args:
        one: features [N, F].
        other: features [M, F].
    """
    one, other = one.double(), other.double()
    factor, other_factor = covariance_factor(one), covariance_factor(other)
    traces = factor.square().sum() + other_factor.square().sum()
    root = torch.linalg.svdvals(factor @ other_factor.T).sum()
    mean_distance = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    return max(0.0, float(mean_distance + traces - 2 * root))


def covariance_factor(features: Tensor) -> Tensor:
    """Return a matrix A with at most F rows, so that A^T A is the covariance of features [N, F]."""
    factor = (features - features.mean(dim=0)) / math.sqrt(len(features) - 1)
    if len(factor) <= factor.shape[1]:
        return factor
    return torch.linalg.qr(factor, mode="r").R  # type: ignore[no-any-return]


def mean_frechet_distance(sizes: Sequence[int], one: Tensor, other: Tensor) -> float:
    """Return the mean Frechet distance over several networks' concatenated features.

    Args:
        sizes: number of features of each network.
        one: [N, sum of sizes].
        other: [M, sum of sizes].
    """
    pairs = zip(*(torch.split(each, list(sizes), dim=1) for each in (one, other)), strict=True)
    distances = [frechet_distance(*pair) for pair in pairs]
    return sum(distances) / len(distances)
