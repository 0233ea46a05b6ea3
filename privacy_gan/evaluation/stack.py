"""The stack: a logistic regression on the log-probabilities of all adversaries (Wolpert, 1992).

It is fitted on validation images. Its own predictions for these are cross-fitted: an image's are
from a stack that saw neither the image nor any other image of the same person. So the stack
competes with single adversaries on validation images like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.evaluation.predictions import QueryProbabilities
from privacy_gan.models.calibration import clamped_log
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.evaluation import STACK

FOLDS = 5
RIDGES = (1000.0, 100.0, 10.0, 1.0)  # penalties of squared weights, in nats, largest first
BIAS_RIDGE = 1e-4  # keeps biases finite where a fold lacks a class
MAX_STEPS, HALVINGS = 50, 20  # of Newton's method
TOLERANCE = 1e-7  # nats per image


class Weights(NamedTuple):
    """The weights of a stack.

    Attributes:
        members: of each member, the same for all classes, [M].
        bias: of each class, [C], in nats.
    """

    members: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Map features [..., C, M] to logits [..., C]."""
        return features @ self.members + self.bias

    def probabilities(self, features: Tensor) -> Tensor:
        """Map features [..., C, M] to probabilities [..., C]."""
        return F.softmax(self.logits(features), dim=-1)


def with_stack(
    probabilities: QueryProbabilities, labels: Tensor, persons: Tensor | None, seed: int
) -> QueryProbabilities:
    """Return predictions of adversaries with those of their stack; of one adversary, unchanged.

    The stack is fitted to the first query and applied to each.

    Args:
        probabilities: what the adversaries predict from each query.
        labels: s on the validation split, [N].
        persons: integer id of the person in each validation image, [N]; None if not known.
        seed: seed of the folds.
    """
    if len(probabilities) < 2:
        return probabilities
    features = {
        split: stacked_features([by_split[split] for by_split in probabilities.values()])
        for split in ("valid", "test")
    }
    folds = assign_folds(len(labels) if persons is None else persons, seed)
    valid = torch.empty(*features["valid"].shape[:3], dtype=torch.float64)
    for fold in range(FOLDS):
        seen, unseen = folds != fold, folds == fold
        if not unseen.any():
            continue
        weights = fit_stack(features["valid"][0, seen], labels[seen], folds[seen])
        valid[:, unseen] = weights.probabilities(features["valid"][:, unseen])
    test = fit_stack(features["valid"][0], labels, folds).probabilities(features["test"])
    return {**probabilities, STACK: {"valid": valid, "test": test}}


def stacked_features(members: Sequence[Tensor]) -> Tensor:
    """Return the log-probabilities of members, minus their means over classes, [Q, N, C, M].

    Args:
        members: probabilities of each of M members, [Q, N, C] each.
    """
    logs = [clamped_log(probabilities.double()) for probabilities in members]
    return torch.stack([each - each.mean(dim=2, keepdim=True) for each in logs], dim=3)


def assign_folds(units: int | Tensor, seed: int) -> Tensor:
    """Return the fold of each image, int64 [N]: at random, as equal in size as possible.

    Args:
        units: number of images, or the person in each, [N], whose images are in the same fold.
        seed: seed of the folds.
    """
    if isinstance(units, Tensor):
        names, person = torch.unique(units, return_inverse=True)
        return assign_folds(len(names), seed)[person]
    rng = keyed_generator("cpu", seed, Purpose.STACK)
    return torch.randperm(units, generator=rng) % FOLDS


def fit_stack(features: Tensor, labels: Tensor, folds: Tensor) -> Weights:
    """Return the weights of a stack.

    The logit of a class is a weighted sum of the members' features of the class plus the class's
    bias: a member has one weight for all classes. The ridge penalty is the one with the least
    loss on folds that were not fitted.

    Args:
        features: of the images, float64 [N, C, M].
        labels: [N].
        folds: of each image, [N].
    """
    losses = torch.zeros(len(RIDGES), dtype=torch.float64)
    for fold in range(FOLDS):
        seen, unseen = folds != fold, folds == fold
        if not (seen.any() and unseen.any()):
            continue
        solution = None
        for index, ridge in enumerate(RIDGES):
            solution = fit_weights(features[seen], labels[seen], ridge, solution)
            logits = solution.logits(features[unseen])
            losses[index] += F.cross_entropy(logits, labels[unseen], reduction="sum")
    return fit_weights(features, labels, RIDGES[int(losses.argmin())])


def fit_weights(
    features: Tensor, labels: Tensor, ridge: float, start: Weights | None = None
) -> Weights:
    """Return the weights with the least penalized loss, by Newton's method.

    Args:
        features: float64 [N, C, M].
        labels: [N].
        ridge: penalty of the sum of the members' squared weights, in nats.
        start: weights to start from; None for 0.
    """
    count, classes, members = features.shape
    biases = torch.eye(classes, dtype=features.dtype).expand(count, -1, -1)
    design = torch.cat([features, biases], dim=2)  # [N, C, M + C]
    penalty = torch.tensor([ridge] * members + [BIAS_RIDGE] * classes, dtype=features.dtype)
    chosen = design[torch.arange(count), labels].sum(dim=0)

    def loss(solution: Tensor) -> float:
        nll = F.cross_entropy(design @ solution, labels, reduction="sum")
        return float(nll + (penalty * solution.square()).sum())

    solution = torch.zeros(members + classes, dtype=features.dtype)
    if start is not None:
        solution = torch.cat(start)
    value = loss(solution)
    for _ in range(MAX_STEPS):
        predicted = (design @ solution).softmax(dim=1)
        means = torch.einsum("nc,nck->nk", predicted, design)
        gradient = means.sum(dim=0) - chosen + 2 * penalty * solution
        weighted = (predicted[:, :, None] * design).flatten(0, 1)
        hessian = weighted.T @ design.flatten(0, 1) - means.T @ means + 2 * penalty.diag()
        step = torch.linalg.solve(hessian, gradient)
        for _ in range(HALVINGS):
            if (reached := loss(solution - step)) <= value:
                break
            step = step / 2
        else:
            break
        solution, gained, value = solution - step, value - reached, reached
        if gained < TOLERANCE * count:
            break
    return Weights(solution[:members], solution[members:])
