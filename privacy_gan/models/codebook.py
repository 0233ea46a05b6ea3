"""A random choice among finitely many codewords, balanced between the values of an attribute.

An image x with features phi(x) is replaced with codeword k with probability

    Q(k|x) = softmax_k(-|phi(x) - c_k|^2 / T + l_k . r(x)),

where the contrasts r_c(x) = P(s = c|x) / P(s = c) - P(s = 0|x) / P(s = 0) satisfy
E[Q(k|x) r_c(x)] = P(k|s = c) - P(k|s = 0). With the slopes l that make these zero, k is independent
of s, and Q has the least expected cost plus T times negative entropy among all such channels: the
slopes are the Lagrange multipliers of the balance.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.models.principal_components import FittedModule


class Codebook(FittedModule):
    """K codewords, each with a place among the features and slopes along the contrasts.

    Args:
        size: number of codewords, K.
        temperature: T, in units of the cost.
        contrasts: number of contrasts, C - 1 for C values of s.
    """

    centres: Tensor
    slopes: Tensor
    images: Tensor
    frequencies: Tensor

    def __init__(self, size: int, temperature: float, contrasts: int) -> None:
        super().__init__()
        self.temperature = temperature
        # one feature, and one value in an image, until the codebook is fitted
        self.register_buffer("centres", torch.zeros(size, 1))
        self.register_buffer("slopes", torch.zeros(size, contrasts))
        self.register_buffer("images", torch.zeros(size, 1))
        self.register_buffer("frequencies", torch.full((size,), 1 / size))

    def channel(self, features: Tensor, contrasts: Tensor) -> Tensor:
        """Return Q(k|x) for features [B, F] and contrasts [B, C - 1], float64 [B, K]."""
        costs = squared_distances(features, self.centres)
        logits = contrasts @ self.slopes.T - costs / self.temperature
        return F.softmax(logits.double(), dim=1)


def squared_distances(features: Tensor, centres: Tensor) -> Tensor:
    """Return |phi - c|^2 for features [N, F] and centres [K, F], [N, K]; rounded, it may be < 0."""
    squares = features.square().sum(dim=1, keepdim=True) + centres.square().sum(dim=1)
    return torch.addmm(squares, features, centres.T, alpha=-2)


def choose(channel: Tensor, levels: Tensor) -> Tensor:
    """Return the outcomes [B] that uniform numbers [B] choose from probabilities [B, K]."""
    cumulative = channel.cumsum(dim=1)
    below = cumulative < levels[:, None] * cumulative[:, -1:]
    return below.sum(dim=1).clamp(max=channel.shape[1] - 1)
