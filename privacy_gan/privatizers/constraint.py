"""How a network is kept within its distortion budget while it is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from privacy_gan import losses


class Constraint(nn.Module, ABC):
    """What a batch's mean distortion adds to what a network minimises.

    Args:
        epsilon: the distortion budget.
    """

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    @abstractmethod
    def forward(self, distortion: Tensor) -> Tensor:
        """Return what is added for a mean distortion d, a scalar."""

    def learn(self, distortion: Tensor) -> None:
        """Take note of a step's distortion; to be called once after it."""
        del distortion


class Penalty(Constraint):
    """Weight * max(d - epsilon, 0)^2, the paper's (Algorithm 1).

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
    """An augmented Lagrangian, whose multiplier finds what the budget is worth.

    It grows while the budget is exceeded and falls while some is left, so that the same constants
    meet any budget.

    While a network still learns to leave images as they are, the budget is exceeded manifold; a
    multiplier that had grown by all of that would forbid for long afterwards what the budget
    allows. So it grows no faster than it falls where a fifth of the budget is left.

    Args:
        epsilon: the distortion budget.
        rate: by how much the multiplier changes in a step, for each unit of d / epsilon - 1, which
            counts as no more than 0.2.
    """

    MOST = 0.2
    multiplier: Tensor

    def __init__(self, epsilon: float, rate: float = 0.01) -> None:
        super().__init__(epsilon)
        self.rate = rate
        self.register_buffer("multiplier", torch.zeros(()))

    def forward(self, distortion: Tensor) -> Tensor:
        """See Constraint.forward."""
        return losses.augmented_lagrangian(distortion, self.epsilon, self.multiplier)

    def learn(self, distortion: Tensor) -> None:
        """Move the multiplier, which is never below 0."""
        excess = (distortion.detach() / self.epsilon - 1).clamp(max=self.MOST)
        self.multiplier.add_(self.rate * excess).clamp_(min=0)
