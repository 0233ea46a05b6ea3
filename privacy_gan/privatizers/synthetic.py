"""The synthetic attribute s', drawn at random for every image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privacy_gan.errors import UserError

UNIFORM, EMPIRICAL = "uniform", "empirical"


class SyntheticAttribute(nn.Module):
    """Draws s' independently of the image.

    Args:
        num_classes: values of s'.
        law: "uniform", the paper's, or "empirical": as frequent as among the training images.

    Raises:
        UserError: there is no such law.
    """

    probabilities: Tensor

    def __init__(self, num_classes: int, law: str = UNIFORM) -> None:
        super().__init__()
        if law not in (UNIFORM, EMPIRICAL):
            raise UserError(f"synthetic={law} is unknown: there are {UNIFORM} and {EMPIRICAL}")
        self.num_classes = num_classes
        self.law = law
        self.register_buffer("probabilities", torch.full((num_classes,), 1 / num_classes))

    def learn(self, labels: Tensor) -> None:
        """Take over the frequencies of the training images' s [N], where the law is empirical."""
        counts = torch.bincount(labels, minlength=self.num_classes)
        self.probabilities.copy_(counts / len(labels))

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw some values, [count]."""
        if self.law == UNIFORM:
            return torch.randint(self.num_classes, (count,), generator=rng, device=rng.device)
        law = self.probabilities.to(rng.device)
        return torch.multinomial(law, count, replacement=True, generator=rng)
