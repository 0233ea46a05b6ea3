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
    def forward(self, distortion: Tensor) -> Tensor:
        """Return the term for a mean distortion d, a scalar."""

    def update(self, distortion: Tensor) -> None:
        """Update the constraint after a step of the network that had this distortion."""
        del distortion


class Penalty(Constraint):
    """Weight * max(d - epsilon, 0)^2, as in the paper (Algorithm 1).

    Args:
        epsilon: the distortion budget.
        weight: lambda; the best one depends on the budget.
    """

    def __init__(self, epsilon: float, weight: float) -> None:
        super().__init__(epsilon)
        self.weight = weight

    def forward(self, distortion: Tensor) -> Tensor:
        """See Constraint.forward."""
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
        rate: change of the multiplier in a step, for each unit of d / epsilon - 1, which is capped
            at 0.2.
    """

    MAX_EXCESS = 0.2
    multiplier: Tensor

    def __init__(self, epsilon: float, rate: float = 0.01) -> None:
        super().__init__(epsilon)
        self.rate = rate
        self.register_buffer("multiplier", torch.zeros(()))

    def forward(self, distortion: Tensor) -> Tensor:
        """See Constraint.forward."""
        return losses.augmented_lagrangian(distortion, self.epsilon, self.multiplier)

    def update(self, distortion: Tensor) -> None:
        """Update the multiplier, which is never negative."""
        excess = (distortion.detach() / self.epsilon - 1).clamp(max=self.MAX_EXCESS)
        self.multiplier.add_(self.rate * excess).clamp_(min=0)
