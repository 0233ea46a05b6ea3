"""What x' = f(x, z1) is, in training and afterwards."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, cast

import torch
from torch import Tensor, nn

from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class NetworkPrivatizer(Privatizer):
    """A mechanism that is one network, given noise."""

    @property
    @abstractmethod
    def released(self) -> nn.Module:
        """What changes images."""

    def noise(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the network's noise from N(0, I), [B, noise_size]."""
        size = (len(images), cast(int, self.released.noise_size))
        return torch.randn(size, generator=rng, device=rng.device).to(images.device)


class Filtering(NetworkPrivatizer):
    """Takes the sensitive attribute out.

    Attributes:
        deviation: of the Gaussian noise that is added to what f returns.
    """

    deviation: float

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1, and the noise that is added."""
        draws = {"filter_noise": self.noise(images, rng)}
        if self.deviation:
            added = torch.randn(images.shape, generator=rng, device=rng.device)
            draws["added_noise"] = added.to(images)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Take the attribute out; nothing is put in."""
        censored = self.released(images, draws["filter_noise"])
        if self.deviation:
            censored = censored + self.deviation * draws["added_noise"]
            if (limits := getattr(self.released, "limits", None)) is not None:
                censored = censored.clamp(*limits)
        return Censored(censored, None)


class ReleasedFilter(Filtering):
    """A filter after its training, without its discriminator.

    Args:
        network: f.
        deviation: of the Gaussian noise that is added.
    """

    def __init__(self, network: nn.Module, deviation: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.deviation = float(deviation)

    @property
    def released(self) -> nn.Module:
        """The network."""
        return self.network

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, "deviation": self.deviation}
