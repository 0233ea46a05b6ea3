"""Constraints that keep a network within its distortion budget during training."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from privacy_gan import losses


class Constraint(nn.Module, ABC):
    """The term that a batch's mean distortion adds to a network's loss.

    Args:
        epsilon: the distortion budget.
    """

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    @abstractmethod
    def forward(self, distortion: Tensor, least: Tensor | float = 0.0) -> Tensor:
        """Return the term for a mean distortion d, a scalar.

        Args:
            distortion: d.
            least: the part of d that the network cannot avoid, below the budget.
        """

    def update(self, distortion: Tensor, least: Tensor | float = 0.0) -> None:
        """Update the constraint after a step of the network that had this distortion."""
        del distortion, least


class Penalty(Constraint):
    """Weight * max(d - epsilon, 0)^2, as in the paper (Algorithm 1).

    Args:
        epsilon: the distortion budget.
        weight: lambda; the best one depends on the budget.
    """

    def __init__(self, epsilon: float, weight: float) -> None:
        super().__init__(epsilon)
        self.weight = weight

    def forward(self, distortion: Tensor, least: Tensor | float = 0.0) -> Tensor:
        """See Constraint.forward; the penalty counts all of d."""
        del least
        return losses.distortion_penalty(distortion, self.epsilon, self.weight)


class Multiplier(Constraint):
    """An augmented Lagrangian, whose multiplier adapts to the budget.

    The multiplier grows while the distortion exceeds the budget and falls while it is below, so
    that the same constants work for any budget.

    Early in training, before a network has learned to reproduce images, the distortion exceeds the
    budget many times over. A multiplier that grew in proportion would then keep the distortion far
    below the budget for a long time. So it grows at most as fast as it falls at 80% of the budget.

    Args:
        epsilon: the distortion budget.
        rate: change of the multiplier in a step, for each unit of the relative excess
            (d - least) / (epsilon - least) - 1, which is capped at 0.2.
    """

    MAX_EXCESS = 0.2
    multiplier: Tensor

    def __init__(self, epsilon: float, rate: float = 0.01) -> None:
        super().__init__(epsilon)
        self.rate = rate
        self.register_buffer("multiplier", torch.zeros(()))

    def forward(self, distortion: Tensor, least: Tensor | float = 0.0) -> Tensor:
        """See Constraint.forward."""
        return losses.augmented_lagrangian(
            distortion - least, self.epsilon - least, self.multiplier
        )

    def update(self, distortion: Tensor, least: Tensor | float = 0.0) -> None:
        """Update the multiplier, which is never negative."""
        excess = (distortion.detach() - least) / (self.epsilon - least) - 1
        self.multiplier.add_(self.rate * excess.clamp(max=self.MAX_EXCESS)).clamp_(min=0)
