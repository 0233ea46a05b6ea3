"""The synthetic attribute s', drawn at random for every image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privacy_gan.errors import UserError

UNIFORM, EMPIRICAL = "uniform", "empirical"


class SyntheticAttribute(nn.Module):
    """Draws s' independently of the image.

    Args:
        num_classes: values of s'.
        distribution: "uniform", the paper's, or "empirical": as frequent as among the training
            images.

    Raises:
        UserError: there is no such distribution.
    """

    probabilities: Tensor

    def __init__(self, num_classes: int, distribution: str = UNIFORM) -> None:
        super().__init__()
        if distribution not in (UNIFORM, EMPIRICAL):
            raise UserError(
                f"synthetic={distribution} is unknown: there are {UNIFORM} and {EMPIRICAL}"
            )
        self.num_classes = num_classes
        self.distribution = distribution
        self.register_buffer("probabilities", torch.full((num_classes,), 1 / num_classes))

    def arguments(self) -> dict[str, Any]:
        """Return what a mechanism with such an attribute is made of again."""
        return {"num_classes": self.num_classes, "synthetic": self.distribution}

    def learn(self, labels: Tensor) -> None:
        """Take over the frequencies of the training images' s, [N]."""
        counts = torch.bincount(labels, minlength=self.num_classes)
        self.probabilities.copy_(counts / len(labels))

    def draw(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a value for each image, [B], on the images' device."""
        count = len(images)
        if self.distribution == UNIFORM:
            drawn = torch.randint(self.num_classes, (count,), generator=rng, device=rng.device)
        else:
            probabilities = self.probabilities.to(rng.device)
            drawn = torch.multinomial(probabilities, count, replacement=True, generator=rng)
        return drawn.to(images.device)
