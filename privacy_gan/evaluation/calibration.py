"""Calibration of an adversary's probabilities (Platt, 1999) on validation images.

An adversary that is overconfident, biased to one class, or averages many guesses would otherwise
seem to know less than it does: averages of slightly wrong guesses may all lie on one side of 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# draws slope and bias to no change, as little as a ten-thousandth of one image's loss would, so
# that a perfect adversary's are finite; averages of many answers need slopes of a hundred
TOWARDS_NONE = 1e-4


@dataclass(frozen=True)
class Calibration:
    """p(class) becomes proportional to p(class)^slope * exp(bias).

    Attributes:
        slope: below 1 it takes certainty away, above it adds some.
        bias: of each class, [C], in nats.
    """

    slope: float
    bias: tuple[float, ...]

    def apply(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities, float64 [N, C]."""
        bias = torch.tensor(self.bias, dtype=torch.float64)
        return F.softmax(self.slope * log_of(probabilities) + bias, dim=1)


def calibrate(probabilities: Tensor, labels: Tensor) -> Calibration:
    """Return the calibration with which probabilities fit labels best; none, if none is found.

    Args:
        probabilities: float64 [N, C].
        labels: [N].
    """
    logs = log_of(probabilities)
    slope = torch.ones((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(probabilities.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        change = (slope - 1).square() + bias.square().sum()
        value = F.cross_entropy(slope * logs + bias, labels) + TOWARDS_NONE / len(labels) * change
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = Calibration(float(slope.detach()), tuple((bias - bias.mean()).detach().tolist()))
    if not all(map(math.isfinite, (found.slope, *found.bias))):  # the search diverged
        return Calibration(1.0, (0.0,) * len(found.bias))
    return found


def log_of(probabilities: Tensor) -> Tensor:
    """Return logarithms, those of 0 being finite."""
    return probabilities.clamp_min(1e-12).log()
