"""Generator and discriminator of StarGAN (Choi et al., 2018, appendix 7.2)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.models.layers import as_colour, with_channels_of

MIN_IMAGE_SIZE = 8
NEGATIVE_SLOPE = 0.01


def code_size(num_classes: int) -> int:
    """Return the number of channels that encode a class: 1 for a binary class, else one-hot."""
    return 1 if num_classes == 2 else num_classes


def with_instance_norm(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """Return a convolution, which needs no bias, followed by an affine instance norm."""
    # Without running statistics, a trained generator has the same output in train and eval mode,
    # and the output for an image does not depend on the images that came before it.
    return [convolution, nn.InstanceNorm2d(channels, affine=True, track_running_stats=False)]


class ResidualBlock(nn.Module):
    """x + (3x3 convolution, norm, ReLU, 3x3 convolution, norm)(x).

    Args:
        channels: channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *with_instance_norm(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
            nn.ReLU(inplace=True),
            *with_instance_norm(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        out: Tensor = hidden + self.change(hidden)
        return out


class StarGANGenerator(nn.Module):
    """Map images and a target class to images of the same shape.

    Args:
        num_classes: number of classes.
        width: channels of the first of three levels; each level doubles them. StarGAN uses 64.
        residual_blocks: number of residual blocks at the lowest level. StarGAN uses 6.
    """

    def __init__(self, num_classes: int, width: int = 64, residual_blocks: int = 6) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.width = width
        self.residual_blocks = residual_blocks
        inputs = 3 + code_size(num_classes)
        layers = with_instance_norm(nn.Conv2d(inputs, width, 7, padding=3, bias=False), width)
        layers.append(nn.ReLU(inplace=True))
        for channels in (width, 2 * width):
            down = nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)
            layers += [*with_instance_norm(down, 2 * channels), nn.ReLU(inplace=True)]
        layers += [ResidualBlock(4 * width) for _ in range(residual_blocks)]
        for channels in (2 * width, width):
            up = nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=False)
            layers += [*with_instance_norm(up, channels), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(width, 3, 7, padding=3, bias=False))
        self.layers = nn.Sequential(*layers)

    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "num_classes": self.num_classes,
            "width": self.width,
            "residual_blocks": self.residual_blocks,
        }

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        """Translate images to a class.

        Args:
            images: [B, C, H, W] in [-1, 1], with 3 channels, or 1 for grey images; H and W are
                multiples of 4, above 4.
            classes: [B] integers in {0, ..., C - 1}.

        Returns:
            [B, C, H, W] in [-1, 1], with the dtype of ``images`` even under autocast.
        """
        inputs = torch.cat([as_colour(images), self.class_planes(images, classes)], dim=1)
        return with_channels_of(images, torch.tanh(self.layers(inputs).to(images.dtype)))

    def class_planes(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return the class at every pixel: [B, 1, H, W] of 0 or 1, or one-hot [B, C, H, W]."""
        code = classes[:, None] if self.num_classes == 2 else F.one_hot(classes, self.num_classes)
        return code.to(images.dtype)[:, :, None, None].expand(-1, -1, *images.shape[2:])


class StarGANDiscriminator(nn.Module):
    """A PatchGAN with two heads: how real each patch looks, and the class of the image.

    Args:
        image_size: side of the images, which are halved floor(log2(image_size)) - 1 times.
        num_classes: number of classes.
        width: channels of the first convolution; each further one doubles them. StarGAN uses 64.

    Raises:
        UserError: the images cannot be halved that often.
    """

    def __init__(self, image_size: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        halvings = count_halvings(image_size)
        channels = [3, *(width * 2**level for level in range(halvings))]
        layers: list[nn.Module] = []
        for level in range(halvings):
            down = nn.Conv2d(channels[level], channels[level + 1], 4, stride=2, padding=1)
            layers += [down, nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers)
        final_size = image_size // 2**halvings
        self.source = nn.Conv2d(channels[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(channels[-1], code_size(num_classes), final_size, bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of both heads.

        Args:
            images: [B, C, H, W] in [-1, 1], with 3 channels, or 1 for grey images.

        Returns:
            D_src [B, 1, h, w], unbounded and large where a patch looks real (2x2 patches if the
            image size is a power of two), and the logits of D_cls, [B, 1] for two classes and
            [B, C] for more. Both have the dtype of ``images`` even under autocast.
        """
        hidden = self.layers(as_colour(images))  # [B, w*2^(n-1), H/2^n, W/2^n]
        source, logits = self.source(hidden), self.classes(hidden).flatten(1)
        return source.to(images.dtype), logits.to(images.dtype)


def count_halvings(image_size: int) -> int:
    """Return how often the discriminator halves images of a size.

    Raises:
        UserError: the images are too small, or their side cannot be halved that often.
    """
    halvings = max(image_size, MIN_IMAGE_SIZE).bit_length() - 2
    if image_size < MIN_IMAGE_SIZE or image_size % 2**halvings:
        raise UserError(
            f"image_size={image_size} cannot be halved {halvings} times, as StarGAN's "
            f"discriminator does: use a power of two, {MIN_IMAGE_SIZE} or more"
        )
    return halvings
