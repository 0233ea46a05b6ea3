"""Pixelation (mosaic), a common way to hide a face."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan import losses
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Pixelate(Operation):
    """Replaces square blocks with their mean colours; the blocks' side is 1 + strength pixels.

    Sides are integers. To meet any budget, a strength of 3.3 gives an image blocks of 5 pixels with
    probability 0.3 and of 4 pixels otherwise.
    """

    def max_strength(self, images: Tensor) -> float:
        """Return the strength at which one block covers the image."""
        return float(max(images.shape[-2:]) - 1)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw a number in [0, 1) for each image, which chooses between the two block sizes."""
        values = torch.rand(len(images), 1, 1, 1, generator=rng, device=rng.device)
        return {"side": values.to(images.device)}

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Pixelate; blocks at the right and lower border are cut off by it."""
        fine, coarse, share = mosaics_for(images, strength)
        return torch.where(draws["side"] < share, coarse, fine)

    def expected_distortion(self, images: Tensor, strength: float, rng: torch.Generator) -> float:
        """Return the expected distortion over the two block sizes."""
        fine, coarse, share = mosaics_for(images, strength)
        distortions = [losses.distortion(mosaic, images).item() for mosaic in (fine, coarse)]
        return (1 - share) * distortions[0] + share * distortions[1]


def mosaics_for(images: Tensor, strength: float) -> tuple[Tensor, Tensor, float]:
    """Return the finer and the coarser mosaic for a strength, and the share of the coarser."""
    side = int(strength) + 1
    return mosaic(images, side), mosaic(images, side + 1), strength - int(strength)


def mosaic(images: Tensor, block: int) -> Tensor:
    """Return images pixelated in blocks of ``block`` by ``block`` pixels."""
    height, width = images.shape[-2:]
    means = F.avg_pool2d(images, block, ceil_mode=True, count_include_pad=False)
    return F.interpolate(means, scale_factor=block, mode="nearest")[..., :height, :width]
