"""The UNet that filter and generator share (appendix A.1 and Figure 3, right)."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.models.layers import as_colour, with_channels_of

LEVELS = 5
DOWNSAMPLING = 2 ** (LEVELS - 1)
EMBEDDING_SIZE = 128


def double_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return (3x3 convolution, batch norm, ReLU) twice, without biases: the norms have a shift."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class UpBlock(nn.Sequential):
    """Nearest-neighbour upsampling, concatenation with the skip connection, then a double block.

    Args:
        below: channels of the input from the level below.
        skip: channels of the skip connection and of the output.
    """

    def __init__(self, below: int, skip: int) -> None:
        super().__init__(*double_block(below + skip, skip))

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:  # type: ignore[override]
        """Map [B, below, H, W] and [B, skip, 2H, 2W] to [B, skip, 2H, 2W].

        The first convolution is linear, so each input is convolved separately with its part of the
        kernels, and the results are added.
        """
        convolution, *rest = self
        weight = cast(nn.Conv2d, convolution).weight
        below_weight, skip_weight = torch.split(weight, [below.shape[1], skip.shape[1]], dim=1)
        hidden = convolve_upsampled(below, below_weight) + F.conv2d(skip, skip_weight, padding=1)
        for layer in rest:
            hidden = layer(hidden)
        return hidden


class UNet(nn.Module):
    """Map images and noise, optionally a class, to images of the same shape.

    At the bottleneck, the noise is projected to as many channels as the hidden image has there, and
    an embedding of the class to one channel; both are concatenated to the hidden image.

    Args:
        image_size: side of the images, or their (height, width); multiples of 16.
        width: channels of the first level; each level doubles them. The paper uses 32.
        noise_size: dimensions of the noise, 0 for no noise input. The paper uses 1024.
        num_classes: number of values of the class input; None for no class input (the filter).

    Attributes:
        limits: smallest and largest possible output value.

    Raises:
        UserError: height or width is not a multiple of 16.
    """

    limits = (0.0, 1.0)

    def __init__(
        self,
        image_size: int | tuple[int, int],
        width: int = 32,
        noise_size: int = 1024,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        height, img_width = (image_size, image_size) if isinstance(image_size, int) else image_size
        if height % DOWNSAMPLING or img_width % DOWNSAMPLING or min(height, img_width) < 1:
            raise UserError(
                f"image size {height}x{img_width} cannot be halved {LEVELS - 1} times: "
                f"height and width must be multiples of {DOWNSAMPLING}"
            )
        channels = [width * 2**level for level in range(LEVELS)]
        self.image_size = image_size
        self.width = width
        self.noise_size = noise_size
        self.num_classes = num_classes
        self.bottleneck = (channels[-1], height // DOWNSAMPLING, img_width // DOWNSAMPLING)
        positions = self.bottleneck[1] * self.bottleneck[2]

        self.down = nn.ModuleList(
            double_block(i, o) for i, o in zip([3, *channels], channels, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.project_noise = nn.Linear(noise_size, channels[-1] * positions) if noise_size else None
        self.embed_class: nn.Sequential | None = None
        if num_classes is not None:
            self.embed_class = nn.Sequential(
                nn.Embedding(num_classes, EMBEDDING_SIZE), nn.Linear(EMBEDDING_SIZE, positions)
            )
        below = channels[-1] * (1 + (noise_size > 0)) + (num_classes is not None)
        self.up = nn.ModuleList()
        for skip in reversed(channels[:-1]):
            self.up.append(UpBlock(below, skip))
            below = skip
        self.to_rgb = nn.Conv2d(width, 3, 1)

    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "image_size": self.image_size,
            "width": self.width,
            "noise_size": self.noise_size,
            "num_classes": self.num_classes,
        }

    def forward(
        self, images: Tensor, noise: Tensor | None = None, classes: Tensor | None = None
    ) -> Tensor:
        """Censor images.

        Args:
            images: [B, C, H, W] in [0, 1], with 3 channels, or 1 for grey images.
            noise: [B, noise_size]; required if and only if ``noise_size`` is not 0.
            classes: [B] integers; required if and only if ``num_classes`` is set.

        Returns:
            [B, C, H, W] in [0, 1], with the dtype of ``images`` even under autocast.
        """
        skips = []
        hidden = as_colour(images)
        for level, block in enumerate(self.down):
            hidden = block(hidden if level == 0 else self.pool(hidden))  # [B, w*2^l, H/2^l, W/2^l]
            skips.append(hidden)
        skips.pop()
        hidden = torch.cat([hidden, *self._bottleneck_inputs(noise, classes)], dim=1)
        # convolutions are faster in this layout, which all levels above inherit
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        for block in self.up:
            hidden = block(hidden, skips.pop())
        colour = torch.sigmoid(self.to_rgb(hidden).to(images.dtype))  # [B, 3, H, W]
        return with_channels_of(images, colour)

    def _bottleneck_inputs(self, noise: Tensor | None, classes: Tensor | None) -> list[Tensor]:
        channels, height, width = self.bottleneck
        inputs = []
        if self.project_noise is not None:
            inputs.append(self.project_noise(noise).view(-1, channels, height, width))
        if self.embed_class is not None:
            inputs.append(self.embed_class(classes).view(-1, 1, height, width))
        return inputs


def convolve_upsampled(images: Tensor, weight: Tensor) -> Tensor:
    """Upsample images to twice their size and convolve them with 3x3 kernels, zero-padded.

    With nearest-neighbour upsampling, at most four of the nine pixels under a kernel differ. A
    transposed convolution of the small images with accordingly summed kernels is the same function:
    it takes four multiplications instead of nine and stores only the result at the larger size.

    Args:
        images: [B, I, H, W].
        weight: [O, I, 3, 3].

    Returns:
        [B, O, 2H, 2W].
    """
    kernels = transposed_kernel(transposed_kernel(weight, 2), 3)  # [O, I, 4, 4]
    return F.conv_transpose2d(images, kernels.transpose(0, 1), stride=2, padding=1)


def transposed_kernel(weight: Tensor, dim: int) -> Tensor:
    """Return the 4 entries of the transposed kernel along a dimension that has 3 in ``weight``."""
    first, second, third = weight.unbind(dim)
    return torch.stack([third, second + third, first + second, first], dim)
