"""What x'' = G(x, s') of StarGAN is, in training and afterwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from privacy_gan.models.stargan import StarGANGenerator
from privacy_gan.privatizers.base import Censored, Draws, Privatizer, with_every_value
from privacy_gan.privatizers.synthetic import UNIFORM, SyntheticAttribute


class Translating(Privatizer):
    """Sets the attribute to a random s'.

    Attributes:
        generator: G, of images in [-1, 1].
        synthetic: what draws s'.
    """

    generator: StarGANGenerator
    synthetic: SyntheticAttribute

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s'."""
        return {"synthetic": self.synthetic.draw(images, rng)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Set the attribute to s'."""
        synthetic = draws["synthetic"]
        return Censored(to_unit(self.generator(to_signed(images), synthetic)), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s'."""
        draws = self.draw(images, rng)
        return {"x": images} | with_every_value(self, images, draws, self.synthetic.num_classes)


class ReleasedStarGAN(Translating):
    """StarGAN after its training, without its discriminator.

    Args:
        generator: G.
        num_classes: values that s' can take.
        synthetic: the distribution of s', see SyntheticAttribute.
    """

    def __init__(
        self, generator: StarGANGenerator, num_classes: int, synthetic: str = UNIFORM
    ) -> None:
        super().__init__()
        self.generator = generator
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"generator": self.generator, **self.synthetic.arguments()}


def to_signed(images: Tensor) -> Tensor:
    """Map images in [0, 1] to [-1, 1]."""
    return 2 * images - 1


def to_unit(images: Tensor) -> Tensor:
    """Map images in [-1, 1] to [0, 1]."""
    return (images + 1) / 2
