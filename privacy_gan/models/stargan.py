"""StarGAN's networks (Choi et al., 2018, appendix 7.2): one that sets a class, one that judges."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.errors import UserError

SMALLEST_IMAGE = 8
NEGATIVE_SLOPE = 0.01


def code_size(num_classes: int) -> int:
    """Return how many numbers tell a class: one where it is a yes or no, else one for each."""
    return 1 if num_classes == 2 else num_classes


def normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """Return a convolution, which needs no bias as the norm has a shift, and an instance norm."""
    # Without running statistics a trained generator makes the same images in both modes, and of
    # one image the same whatever others were seen before.
    return [convolution, nn.InstanceNorm2d(channels, affine=True, track_running_stats=False)]


class ResidualBlock(nn.Module):
    """x + (3x3 convolution, norm, ReLU, 3x3 convolution, norm)(x).

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *normed(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
            nn.ReLU(inplace=True),
            *normed(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        out: Tensor = hidden + self.change(hidden)
        return out


class StarGANGenerator(nn.Module):
    """Images and the class to set them to, to images of the same shape.

    Args:
        num_classes: how many values the class has.
        width: channels of the first level, of three; each doubles them. 64 is StarGAN's.
        residual_blocks: at the lowest level; 6 is StarGAN's.
    """

    def __init__(self, num_classes: int, width: int = 64, residual_blocks: int = 6) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.width = width
        self.residual_blocks = residual_blocks
        inputs = 3 + code_size(num_classes)
        layers = normed(nn.Conv2d(inputs, width, 7, padding=3, bias=False), width)
        layers.append(nn.ReLU(inplace=True))
        for channels in (width, 2 * width):
            down = nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)
            layers += [*normed(down, 2 * channels), nn.ReLU(inplace=True)]
        layers += [ResidualBlock(4 * width) for _ in range(residual_blocks)]
        for channels in (2 * width, width):
            up = nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=False)
            layers += [*normed(up, channels), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(width, 3, 7, padding=3, bias=False))
        self.layers = nn.Sequential(*layers)

    def arguments(self) -> dict[str, Any]:
        """Return what the network is made of again, but for its weights."""
        return {
            "num_classes": self.num_classes,
            "width": self.width,
            "residual_blocks": self.residual_blocks,
        }

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        """Set images to a class.

        Args:
            images: [B, 3, H, W] in [-1, 1]; H and W multiples of 4, above 4.
            classes: [B] integers in {0, ..., C - 1}.

        Returns:
            [B, 3, H, W] in [-1, 1], in the precision of ``images`` also under autocast.
        """
        inputs = torch.cat([images, self.planes(images, classes)], dim=1)
        return torch.tanh(self.layers(inputs).to(images.dtype))

    def planes(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return the class at every pixel: [B, 1, H, W] of 0 or 1, or one-hot [B, C, H, W]."""
        code = classes[:, None] if self.num_classes == 2 else F.one_hot(classes, self.num_classes)
        return code.to(images.dtype)[:, :, None, None].expand(-1, -1, *images.shape[2:])


class StarGANDiscriminator(nn.Module):
    """Images to how real each patch looks, and to a class (PatchGAN with a second head).

    Args:
        image_size: side of the images. They are halved log2 of it less one times, rounded down.
        num_classes: how many values the class has.
        width: channels of the first convolution; each doubles them. 64 is StarGAN's.

    Raises:
        UserError: the images cannot be halved so often.
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
        whole = image_size // 2**halvings
        self.source = nn.Conv2d(channels[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(channels[-1], code_size(num_classes), whole, bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Judge images.

        Args:
            images: [B, 3, H, W] in [-1, 1].

        Returns:
            D_src [B, 1, h, w], unbounded, large where a patch looks real; and the logits of D_cls,
            [B, 1] for two classes and [B, C] for more. A map of 2x2 patches is left of images whose
            side is a power of two. In the precision of ``images`` also under autocast.
        """
        hidden = self.layers(images)  # [B, w*2^(n-1), H/2^n, W/2^n]
        source, logits = self.source(hidden), self.classes(hidden).flatten(1)
        return source.to(images.dtype), logits.to(images.dtype)


def count_halvings(image_size: int) -> int:
    """Return how often the discriminator halves images, so that a map of patches is left.

    Raises:
        UserError: they are too small, or their side is odd before that.
    """
    halvings = max(image_size, SMALLEST_IMAGE).bit_length() - 2
    if image_size < SMALLEST_IMAGE or image_size % 2**halvings:
        raise UserError(
            f"image_size={image_size} cannot be halved {halvings} times, as StarGAN's "
            f"discriminator does: use a power of two, {SMALLEST_IMAGE} or more"
        )
    return halvings
