"""Fits a codebook to images: k-means, then rounds of balancing the channel and moving codewords."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.models.codebook import squared_distances
from privacy_gan.progress import progress_bar

KMEANS_ROUNDS = 15
ROUNDS = 4  # in which the temperature falls to the final one
FIRST_TEMPERATURE = 4.0  # in the first round, as a multiple of the final one
EVALUATIONS = 60  # of the dual in a round
LAST_EVALUATIONS = 200  # in the last one
ROWS = 4096  # images at a time, so that their channel stays in the processor's cache


@dataclass(frozen=True)
class FittedCodebook:
    """What ``fit_codebook`` returns.

    Attributes:
        centres: the codewords' features, [K, F].
        slopes: their slopes along the contrasts, [K, C - 1].
        imbalance: sum over codewords of |E[Q(k|x) r_c(x)]| on these images, the largest one.
    """

    centres: Tensor
    slopes: Tensor
    imbalance: float


def fit_codebook(
    features: Tensor,
    contrasts: Tensor,
    size: int,
    temperature: float,
    seed: int,
    balance: float = 1,
) -> FittedCodebook:
    """Fit centres and slopes.

    Args:
        features: phi(x), [N, F].
        contrasts: r(x), [N, C - 1], whose columns have the mean 0: the dual is unbounded otherwise.
        size: number of codewords, K.
        temperature: the final T.
        seed: of the first centres.
        balance: share of the slopes that is kept at the end; below 1 leaves a known leak.
    """
    centres = kmeans(features, size, seed)
    slopes = features.new_zeros(size, contrasts.shape[1])
    with progress_bar("codebook", ROUNDS) as advance:
        for round_ in range(ROUNDS):
            last = round_ == ROUNDS - 1
            current = temperature * FIRST_TEMPERATURE ** (1 - round_ / (ROUNDS - 1))
            dual = Dual(features, contrasts, centres, current)
            slopes = dual.minimize(slopes, LAST_EVALUATIONS if last else EVALUATIONS)
            if not last:  # the slopes of the last round are those of its centres
                centres = dual.means(slopes)
            advance(1)
    slopes = balance * slopes
    imbalance = float(dual.gradient(slopes)[1].abs().sum(dim=0).max())
    return FittedCodebook(centres, slopes, imbalance)


class Dual:
    """The dual problem: mean_x logsumexp_k(-|phi(x) - c_k|^2 / T + l_k . r(x)), convex in l.

    Args:
        features: phi(x), [N, F].
        contrasts: r(x), [N, C - 1].
        centres: c, [K, F].
        temperature: T.
    """

    def __init__(
        self, features: Tensor, contrasts: Tensor, centres: Tensor, temperature: float
    ) -> None:
        self.features = features
        self.contrasts = contrasts
        self.logits = [
            squared_distances(rows, centres).div_(-temperature)
            for rows in torch.split(features, ROWS)
        ]

    def gradient(self, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the dual's value, and its gradient E[Q(k|x) r(x)], [K, C - 1]."""
        value = slopes.new_zeros((), dtype=torch.float64)
        gradient = torch.zeros_like(slopes, dtype=torch.float64)
        for logits, contrasts in zip(self.logits, torch.split(self.contrasts, ROWS), strict=True):
            scores = torch.addmm(logits, contrasts, slopes.T)
            normalizer = scores.logsumexp(dim=1, keepdim=True)
            value += normalizer.sum(dtype=torch.float64)
            gradient += scores.sub_(normalizer).exp_().T @ contrasts
        return value / len(self.features), gradient / len(self.features)

    def minimize(self, slopes: Tensor, evaluations: int) -> Tensor:
        """Return the slopes that minimize the dual, from these ones [K, C - 1] on."""
        slopes = slopes.clone().requires_grad_()
        optimizer = torch.optim.LBFGS(
            [slopes],
            max_iter=evaluations,
            max_eval=evaluations,
            tolerance_grad=1e-9,
            tolerance_change=1e-12,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        def evaluate() -> Tensor:
            with torch.no_grad():
                value, gradient = self.gradient(slopes)
            slopes.grad = gradient.to(slopes)
            return value

        optimizer.step(evaluate)  # type: ignore[no-untyped-call]
        return slopes.detach()

    def means(self, slopes: Tensor) -> Tensor:
        """Return the means of the features under Q(x|k), [K, F], which cost least."""
        size = len(slopes)
        total = self.features.new_zeros(size, self.features.shape[1])
        weights = self.features.new_zeros(size)
        rows = (torch.split(values, ROWS) for values in (self.contrasts, self.features))
        parts = zip(self.logits, *rows, strict=True)
        for logits, contrasts, features in parts:
            channel = torch.addmm(logits, contrasts, slopes.T).softmax(dim=1)
            total += channel.T @ features
            weights += channel.sum(dim=0)
        return total / weights.clamp_min(torch.finfo(weights.dtype).tiny)[:, None]


def kmeans(features: Tensor, size: int, seed: int) -> Tensor:
    """Return centres of clusters [K, F] by Lloyd's algorithm, from random features [N, F] on."""
    rng = torch.Generator().manual_seed(seed)
    start = torch.randperm(len(features), generator=rng)[:size].to(features.device)
    centres = features[start].clone()
    for _ in range(KMEANS_ROUNDS):
        sums, counts = torch.zeros_like(centres), centres.new_zeros(size)
        for rows in torch.split(features, ROWS):
            # a product, because sums by index are not the same again on a GPU
            nearest = F.one_hot(squared_distances(rows, centres).argmin(dim=1), size).to(rows)
            sums += nearest.T @ rows
            counts += nearest.sum(dim=0)
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
    return centres
