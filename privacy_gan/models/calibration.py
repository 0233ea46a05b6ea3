"""Calibration of an adversary's probabilities (Platt, 1999) on validation images.

Without calibration, an adversary that is overconfident, biased towards a class, or averages many
guesses would seem to know less than it does: the averages of slightly wrong guesses may all be on
one side of 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Pulls slope and bias towards no change with a ten-thousandth of one image's loss. That keeps the
# calibration of a perfect adversary finite, and allows the slopes of a hundred that averages over
# many queries need.
REGULARIZATION = 1e-4


@dataclass(frozen=True)
class Calibration:
    """Makes p(class) proportional to p(class)^slope * exp(bias).

    Attributes:
        slope: below 1 it reduces confidence, above 1 it increases it.
        bias: bias of each class, [C], in nats.
    """

    slope: float
    bias: tuple[float, ...]

    def apply(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities, float64 [N, C]."""
        bias = torch.tensor(self.bias, dtype=torch.float64)
        return F.softmax(self.slope * clamped_log(probabilities) + bias, dim=1)


def calibrate(probabilities: Tensor, labels: Tensor) -> Calibration:
    """Fit a calibration to labels; return one that changes nothing if the fit diverges.

    Args:
        probabilities: float64 [N, C].
        labels: [N].
    """
    logs = clamped_log(probabilities)
    slope = torch.ones((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(probabilities.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        change = (slope - 1).square() + bias.square().sum()
        value = F.cross_entropy(slope * logs + bias, labels) + REGULARIZATION / len(labels) * change
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = Calibration(float(slope.detach()), tuple((bias - bias.mean()).detach().tolist()))
    if not all(map(math.isfinite, (fitted.slope, *fitted.bias))):
        return Calibration(1.0, (0.0,) * len(fitted.bias))
    return fitted


def clamped_log(probabilities: Tensor) -> Tensor:
    """Return the logarithm of probabilities, clamped so that it is finite at 0."""
    return probabilities.clamp_min(1e-12).log()
