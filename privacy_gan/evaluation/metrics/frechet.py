"""Frechet distance between sets of features (Heusel et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Return the squared Frechet distance between normal distributions fitted to features.

    It is |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). The trace of the last root is computed from
    the symmetric matrix S1^(1/2) S2 S1^(1/2), which has the same eigenvalues as S1 S2.

    Args:
        one: features [N, F].
        other: features [M, F].
    """
    one, other = one.double(), other.double()
    covariance, other_covariance = covariance_matrix(one), covariance_matrix(other)
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    product = torch.linalg.eigvalsh(root @ other_covariance @ root)
    trace = (covariance + other_covariance).trace()
    mean_distance = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    return max(0.0, float(mean_distance + trace - 2 * product.clamp_min(0).sqrt().sum()))


def covariance_matrix(features: Tensor) -> Tensor:
    """Return the unbiased covariance matrix of features [N, F], also for F = 1."""
    centred = features - features.mean(dim=0)
    return centred.T @ centred / (len(features) - 1)


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
