"""A stage: one network that changes images, against one discriminator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.privatizers.base import Privatizer


class Losses(NamedTuple):
    """A stage's losses on one batch, all at the same output and the same parameters.

    Attributes:
        output: the changed images [B, 3, H, W], still attached to the network.
        adversarial: what the network is trained to lessen, beside the penalty on distortion.
        discriminator: what the discriminator is, or None where this step leaves it alone.
        distortion: d(output, original).
        metrics: further scalars worth logging, detached.
    """

    output: Tensor
    adversarial: Tensor
    discriminator: Tensor | None
    distortion: Tensor
    metrics: dict[str, Tensor]


class Stage(Privatizer, ABC):
    """One two-player game of Algorithm 1.

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
    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Draw all that is random in the stage for ``count`` images; a row for each."""

    @abstractmethod
    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        drawn: tuple[Tensor, ...],
        with_discriminator: bool,
    ) -> Losses:
        """Change the incoming images and take all losses of the stage.

        Args:
            original: x, [B, 3, H, W] in [0, 1].
            incoming: what the stage before made of them, or the same; a constant here.
            sensitive: s, [B].
            drawn: what ``draw`` drew for these images, on their device.
            with_discriminator: whether this step trains the discriminator.
        """

    def penalty(self, distortion: Tensor) -> Tensor:
        """Return what a batch's mean distortion adds to what the network lessens."""
        return losses.distortion_penalty(distortion, self.epsilon, self.penalty_weight)

    def draw_for(self, images: Tensor, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Draw for images, on their device."""
        return tuple(values.to(images.device) for values in self.draw(len(images), rng))

    def noise(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw the network's noise from N(0, I), [count, noise_size]."""
        size = (count, cast(int, self.network.noise_size))
        return torch.randn(size, generator=rng, device=rng.device)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of rows whose largest logit is the label's, detached."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()
