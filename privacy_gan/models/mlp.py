"""Networks for scalars, which take the place of UNet and ResNet on Gaussian toy data."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.models.classifier import Classifier

ONE_NUMBER = (1, 1, 1)


class NoisyMLP(nn.Module):
    """Scalars and noise, optionally a class, to scalars; called as the UNet is.

    The output is x plus a change, unbounded: scalars have no range to be squeezed into.

    Args:
        width: units of each of the three hidden layers.
        noise_size: dimensions of the noise.
        num_classes: how many values the class input has; None for no such input (the filter).
    """

    def __init__(
        self, width: int = 64, noise_size: int = 1, num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.noise_size = noise_size
        self.num_classes = num_classes
        self.change = nn.Sequential(
            *hidden_layers(1 + noise_size + (num_classes or 0), width, depth=3), nn.Linear(width, 1)
        )

    def forward(self, images: Tensor, noise: Tensor, classes: Tensor | None = None) -> Tensor:
        """Censor scalars.

        Args:
            images: [B, 1, 1, 1].
            noise: [B, noise_size].
            classes: [B] integers, exactly where the network was built with ``num_classes``.

        Returns:
            [B, 1, 1, 1], in the precision of ``images`` also under autocast.

        Raises:
            UserError: the images are not of one pixel and channel.
        """
        inputs = [as_scalars(images), noise]
        if self.num_classes is not None:
            assert classes is not None
            inputs.append(F.one_hot(classes, self.num_classes).to(images.dtype))
        change: Tensor = self.change(torch.cat(inputs, dim=1))  # [B, 1]
        return images + change.to(images.dtype).view_as(images)


class AsScalars(nn.Module):
    """Images of one pixel as [B, 1]; see ``as_scalars``."""

    def forward(self, images: Tensor) -> Tensor:
        """[B, 1, 1, 1] to [B, 1]."""
        return as_scalars(images)


def mlp_classifier(num_classes: int, width: int = 64) -> Classifier:
    """Return a classifier of scalars: discriminator or adversary.

    Args:
        num_classes: size of the output.
        width: units of each of the three hidden layers; the size of its features.
    """
    body = nn.Sequential(AsScalars(), *hidden_layers(1, width, depth=3))
    return Classifier(body, width, num_classes)


def hidden_layers(in_features: int, width: int, depth: int) -> list[nn.Module]:
    """Return ``depth`` times (linear, leaky ReLU), which lets no unit die."""
    sizes = [in_features, *[width] * depth]
    return [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.LeakyReLU(0.1))]


def as_scalars(images: Tensor) -> Tensor:
    """View images of one pixel and channel as [B, 1].

    Raises:
        UserError: they are larger.
    """
    if images.shape[1:] != ONE_NUMBER:
        size = "x".join(map(str, images.shape[1:]))
        raise UserError(f"networks=mlp takes images of one pixel, not of {size}: set networks=unet")
    return images.reshape(-1, 1)
