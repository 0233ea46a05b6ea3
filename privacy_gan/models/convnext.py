"""A narrow ConvNeXt (Liu et al., 2022), an adversary that differs from the discriminators."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import ConvNeXt
from torchvision.models.convnext import CNBlockConfig

from privacy_gan.models.classifier import Classifier
from privacy_gan.models.layers import as_colour


def convnext(
    num_classes: int,
    widths: Sequence[int] = (32, 64, 128, 256),
    depths: Sequence[int] = (2, 2, 4, 2),
) -> Classifier:
    """Return a classifier with torchvision's ConvNeXt, for images of 32 pixels or more.

    Args:
        num_classes: number of logits.
        widths: channels of each stage; ConvNeXt-Tiny has (96, 192, 384, 768).
        depths: blocks of each stage; ConvNeXt-Tiny has (3, 3, 9, 3).
    """
    following = [*widths[1:], None]
    stages = [CNBlockConfig(*stage) for stage in zip(widths, following, depths, strict=True)]
    # torchvision's default is 1e-6, with which the blocks need more steps than our training has
    network = ConvNeXt(stages, layer_scale=0.1)
    network.classifier = nn.Sequential(*list(network.classifier)[:-1])  # norm and flatten
    return Classifier(nn.Sequential(Normalize(), network), widths[-1], num_classes)


class Normalize(nn.Module):
    """Scale images from [0, 1] to [-2, 2]; without this, ConvNeXt does not learn here."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to [B, 3, H, W]."""
        return (as_colour(images) - 0.5) / 0.25
