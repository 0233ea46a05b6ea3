"""One two-player game of Algorithm 1: a network that changes images, against one discriminator."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.privatizers.base import Draws, Privatizer


class Losses(NamedTuple):
    """A game's losses on one batch, all at the same output and the same parameters.

    Attributes:
        output: the changed images [B, 3, H, W], still attached to the network.
        adversarial: what the network is trained to minimise, beside the penalty on distortion.
        discriminator: what the discriminator is, or None where this step leaves it alone.
        distortion: d(output, original).
        metrics: further scalars worth logging, detached.
    """

    output: Tensor
    adversarial: Tensor
    discriminator: Tensor | None
    distortion: Tensor
    metrics: dict[str, Tensor]


class Game(Privatizer):
    """A network and its discriminator; the network alone is a mechanism.

    Args:
        network: changes images, given noise.
        discriminator: tells the sensitive attribute from the changed images.
        epsilon: budget on the distortion between the output and the original images.
        penalty_weight: lambda of Algorithm 1.
        discriminator_every: steps between two updates of the discriminator.
    """

    name: str

    def __init__(
        self,
        network: nn.Module,
        discriminator: nn.Module,
        epsilon: float,
        penalty_weight: float = 1e5,
        discriminator_every: int = 1,
    ) -> None:
        super().__init__()
        self.network = network
        self.discriminator = discriminator
        self.epsilon = epsilon
        self.penalty_weight = penalty_weight
        self.discriminator_every = discriminator_every

    @abstractmethod
    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        draws: Draws,
        with_discriminator: bool,
    ) -> Losses:
        """Change the incoming images and take all losses of the game.

        Args:
            original: x, [B, 3, H, W] in [0, 1].
            incoming: what the game before made of them, or the same; a constant here.
            sensitive: s, [B].
            draws: what ``draw`` drew for these images.
            with_discriminator: whether this step trains the discriminator.
        """

    def penalty(self, distortion: Tensor) -> Tensor:
        """Return what a batch's mean distortion adds to what the network minimises."""
        return losses.distortion_penalty(distortion, self.epsilon, self.penalty_weight)

    def noise(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the network's noise from N(0, I), [B, noise_size]."""
        size = (len(images), cast(int, self.network.noise_size))
        return torch.randn(size, generator=rng, device=rng.device).to(images.device)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of rows whose largest logit is the label's, detached."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()
