"""Optimal transport between normal distributions, whose maps are linear.

From N(m, S) to N(n, T) the map x -> n + A (x - m), A = S^(-1/2) (S^(1/2) T S^(1/2))^(1/2) S^(-1/2),
has the least mean squared error (Gelbrich, 1990). All covariances are [K, K], float64, and regular.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 100  # of the barycentre; two classes need few
TOLERANCE = 1e-9  # of a covariance's trace


def power(covariance: Tensor, exponent: float) -> Tensor:
    """Return a symmetric, positive matrix to some power."""
    values, vectors = torch.linalg.eigh(covariance)
    powers = values.clamp_min(torch.finfo(values.dtype).tiny) ** exponent
    result: Tensor = (vectors * powers) @ vectors.T
    return result


def linear_map(source: Tensor, target: Tensor) -> Tensor:
    """Return A, which takes the one covariance to the other: A S A = T."""
    root, inverse = power(source, 0.5), power(source, -0.5)
    return inverse @ power(root @ target @ root, 0.5) @ inverse


def barycentre(covariances: Tensor, weights: Tensor) -> Tensor:
    """Return the covariance from which the others' weighted mean W2^2 is least.

    It is the fixed point of S -> S^(-1/2) (sum_s p_s (S^(1/2) S_s S^(1/2))^(1/2))^2 S^(-1/2)
    (Alvarez-Esteban et al., 2016).

    Args:
        covariances: [C, K, K].
        weights: which sum to 1, [C].
    """
    found = (weights[:, None, None] * covariances).sum(dim=0)
    for _ in range(ROUNDS):
        before, root, inverse = found, power(found, 0.5), power(found, -0.5)
        mean = torch.stack(
            [
                weight * power(root @ covariance @ root, 0.5)
                for weight, covariance in zip(weights, covariances, strict=True)
            ]
        ).sum(dim=0)
        found = inverse @ mean @ mean @ inverse
        if (found - before).abs().max() <= TOLERANCE * found.trace():
            break
    return found
