"""What x'' = g(x', s', z2) is, in training and afterwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from privacy_gan.privatizers.base import Censored, Draws, with_every_value
from privacy_gan.privatizers.filtering import NetworkPrivatizer
from privacy_gan.privatizers.synthetic import UNIFORM, SyntheticAttribute


class Replacing(NetworkPrivatizer):
    """Puts a random sensitive attribute in.

    Attributes:
        synthetic: what draws it.
    """

    synthetic: SyntheticAttribute

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s', then z2."""
        return {
            "synthetic": self.synthetic.draw(images, rng),
            "generator_noise": self.noise(images, rng),
        }

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Put s' in."""
        synthetic = draws["synthetic"]
        return Censored(self.released(images, draws["generator_noise"], synthetic), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s', with the same noise."""
        draws = self.draw(images, rng)
        return {"x": images} | with_every_value(self, images, draws, self.synthetic.num_classes)


class ReleasedGenerator(Replacing):
    """A generator after its training, without its discriminator.

    Args:
        network: g.
        num_classes: values that s' can take.
        synthetic: the distribution of s', see SyntheticAttribute.
    """

    def __init__(self, network: nn.Module, num_classes: int, synthetic: str = UNIFORM) -> None:
        super().__init__()
        self.network = network
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    @property
    def released(self) -> nn.Module:
        """The network."""
        return self.network

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, **self.synthetic.arguments()}
