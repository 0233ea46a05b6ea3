"""A permutation test of whether predictions are independent of labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

PERMUTATIONS = 9_999
CHUNK_SIZE = 100  # permutations
ROUNDING = 1e-9  # of sums over images that are equal

Array = npt.NDArray[np.float64]


def permutation_p_value(gains: Tensor, labels: Tensor, seed: int) -> float:
    """Return how likely predictions are to be as good as they are if labels are exchangeable.

    The labels are permuted many times. If they are exchangeable given the predictions, the result
    is at most p with a probability of at most p, for any p (Phipson and Smyth, 2010): each kind of
    gain has its own p-value, and the smallest is multiplied by their number (Bonferroni).

    Args:
        gains: what the predictions gain if an image has a label, in several ways, such as 1 for
            the predicted class or its log-likelihood, [G, N, C].
        labels: the labels of the images, [N].
        seed: seed of the permutations.
    """
    by_label = gains.double().numpy()
    true = labels.numpy()
    observed = total_gains(by_label, true[None])
    rng = np.random.default_rng(seed)
    exceeding = np.zeros(len(by_label), np.int64)
    for start in range(0, PERMUTATIONS, CHUNK_SIZE):
        count = min(CHUNK_SIZE, PERMUTATIONS - start)
        permuted = rng.permuted(np.broadcast_to(true, (count, len(true))), axis=1)
        exceeding += (total_gains(by_label, permuted) >= observed - ROUNDING).sum(axis=1)
    p_values = (exceeding + 1) / (PERMUTATIONS + 1)
    return min(1.0, len(by_label) * float(p_values.min()))


def total_gains(gains: Array, labels: npt.NDArray[np.int64]) -> Array:
    """Return gains [G, N, C] summed over the images, for several labelings [R, N]: [G, R]."""
    totals = np.zeros((len(gains), len(labels)))
    for value in range(gains.shape[2]):
        totals += gains[:, :, value] @ (labels == value).T
    return totals


def prediction_gains(predicted: Tensor, log_probabilities: Tensor) -> Tensor:
    """Return the gains in accuracy and in log-likelihood, [2, N, C].

    Args:
        predicted: predicted classes, [N].
        log_probabilities: of the classes, float64 [N, C].
    """
    classes = torch.arange(log_probabilities.shape[1])
    return torch.stack([(predicted[:, None] == classes).double(), log_probabilities])
