"""MLPs for scalars, which replace UNet and ResNet on Gaussian toy data."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.models.classifier import Classifier

SCALAR_SHAPE = (1, 1, 1)


class NoisyMLP(nn.Module):
    """Map scalars and noise, optionally a class, to scalars, with the interface of the UNet.

    The output is x plus an unbounded change, since scalars have no fixed range.

    Args:
        width: units of each of the three hidden layers.
        noise_size: dimensions of the noise.
        num_classes: number of values of the class input; None for no class input (the filter).
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
            classes: [B] integers; required if and only if ``num_classes`` is set.

        Returns:
            [B, 1, 1, 1], with the dtype of ``images`` even under autocast.

        Raises:
            UserError: the images have more than one pixel or channel.
        """
        inputs = [as_scalars(images), noise]
        if self.num_classes is not None:
            assert classes is not None
            inputs.append(F.one_hot(classes, self.num_classes).to(images.dtype))
        change: Tensor = self.change(torch.cat(inputs, dim=1))  # [B, 1]
        return images + change.to(images.dtype).view_as(images)


class AsScalars(nn.Module):
    """Module form of ``as_scalars``."""

    def forward(self, images: Tensor) -> Tensor:
        """Map [B, 1, 1, 1] to [B, 1]."""
        return as_scalars(images)


def mlp_classifier(num_classes: int, width: int = 64) -> Classifier:
    """Return a classifier of scalars, for a discriminator or an adversary.

    Args:
        num_classes: number of logits.
        width: units of each of the three hidden layers, and number of features.
    """
    body = nn.Sequential(AsScalars(), *hidden_layers(1, width, depth=3))
    return Classifier(body, width, num_classes)


def hidden_layers(in_features: int, width: int, depth: int) -> list[nn.Module]:
    """Return ``depth`` times (linear, leaky ReLU); leaky, so that no unit dies."""
    sizes = [in_features, *[width] * depth]
    return [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.LeakyReLU(0.1))]


def as_scalars(images: Tensor) -> Tensor:
    """View images with one pixel and one channel as [B, 1].

    Raises:
        UserError: the images are larger.
    """
    if images.shape[1:] != SCALAR_SHAPE:
        size = "x".join(map(str, images.shape[1:]))
        raise UserError(f"networks=mlp takes images of one pixel, not of {size}: set networks=unet")
    return images.reshape(-1, 1)
