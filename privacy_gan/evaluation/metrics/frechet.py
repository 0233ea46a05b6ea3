"""How far censored images are from original ones as a set (Heusel et al., 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Return the squared Frechet distance between normal distributions fitted to features.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with the last root's trace taken from the
    symmetric S1^(1/2) S2 S1^(1/2), whose eigenvalues are the same.

    Args:
        one: features [N, F].
        other: features [M, F].
    """
    one, other = one.double(), other.double()
    covariance, other_covariance = covariance_of(one), covariance_of(other)
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    product = torch.linalg.eigvalsh(root @ other_covariance @ root)
    trace = (covariance + other_covariance).trace()
    apart = (one.mean(dim=0) - other.mean(dim=0)).square().sum()
    return max(0.0, float(apart + trace - 2 * product.clamp_min(0).sqrt().sum()))


def covariance_of(features: Tensor) -> Tensor:
    """Return the unbiased covariance of features [N, F], also of a single one."""
    centred = features - features.mean(dim=0)
    return centred.T @ centred / (len(features) - 1)


def mean_frechet_distance(sizes: Sequence[int], one: Tensor, other: Tensor) -> float:
    """Return the mean distance over several networks' features, which lie side by side.

    Args:
        sizes: number of each network's features.
        one: [N, sum of sizes].
        other: [M, sum of sizes].
    """
    pairs = zip(*(torch.split(some, list(sizes), dim=1) for some in (one, other)), strict=True)
    distances = [frechet_distance(*pair) for pair in pairs]
    return sum(distances) / len(distances)
