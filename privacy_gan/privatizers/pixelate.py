"""Mosaic, a common way to hide what a face shows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan import losses
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Pixelate(Operation):
    """Replaces square blocks by their mean colours; 1 + its strength is a block's side in pixels.

    Blocks have whole sides. So that any budget can be met, a strength of 3.3 gives images blocks
    of 5 pixels with a probability of 0.3 and of 4 otherwise.
    """

    def strongest(self, images: Tensor) -> float:
        """Return a block as large as the image."""
        return float(max(images.shape[-2:]) - 1)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw a number in [0, 1) for each image, which decides between two sides."""
        drawn = torch.rand(len(images), 1, 1, 1, generator=rng, device=rng.device)
        return {"side": drawn.to(images.device)}

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Pixelate; blocks at the right and lower border are as large as there is room."""
        fine, coarse, share = mosaics(images, strength)
        return torch.where(draws["side"] < share, coarse, fine)

    def expected_distortion(self, images: Tensor, strength: float, rng: torch.Generator) -> float:
        """Return the mean over both sides of blocks, by how often each is drawn."""
        fine, coarse, share = mosaics(images, strength)
        distortions = [losses.distortion(made, images).item() for made in (fine, coarse)]
        return (1 - share) * distortions[0] + share * distortions[1]


def mosaics(images: Tensor, strength: float) -> tuple[Tensor, Tensor, float]:
    """Return the finer and the coarser mosaic of a strength, and the share of the coarser."""
    side = int(strength) + 1
    return mosaic(images, side), mosaic(images, side + 1), strength - int(strength)


def mosaic(images: Tensor, block: int) -> Tensor:
    """Return images in blocks of so many pixels a side."""
    height, width = images.shape[-2:]
    means = F.avg_pool2d(images, block, ceil_mode=True, count_include_pad=False)
    return F.interpolate(means, scale_factor=block, mode="nearest")[..., :height, :width]
