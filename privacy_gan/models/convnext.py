"""A narrow ConvNeXt (Liu et al., 2022), an adversary of another family than the discriminators."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import ConvNeXt
from torchvision.models.convnext import CNBlockConfig

from privacy_gan.models.classifier import Classifier


def convnext(
    num_classes: int,
    widths: Sequence[int] = (32, 64, 128, 256),
    depths: Sequence[int] = (2, 2, 4, 2),
) -> Classifier:
    """Return torchvision's ConvNeXt for images of 32 pixels or more.

    Args:
        num_classes: size of the output.
        widths: channels of each stage; ConvNeXt-Tiny has (96, 192, 384, 768).
        depths: blocks of each stage; ConvNeXt-Tiny has (3, 3, 9, 3).
    """
    following = [*widths[1:], None]
    stages = [CNBlockConfig(*stage) for stage in zip(widths, following, depths, strict=True)]
    # torchvision's blocks begin almost closed (1e-6): they need more steps to open than there are
    network = ConvNeXt(stages, layer_scale=0.1)
    network.classifier = nn.Sequential(*list(network.classifier)[:-1])  # norm and flatten
    return Classifier(nn.Sequential(Centred(), network), widths[-1], num_classes)


class Centred(nn.Module):
    """Images in [0, 1] to [-2, 2]: without a norm before its stem, ConvNeXt learns nothing here."""

    def forward(self, images: Tensor) -> Tensor:
        """Keep the shape."""
        return (images - 0.5) / 0.25
