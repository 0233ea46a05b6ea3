"""Gaussian blur, a common way to hide a face."""

from __future__ import annotations

import math

from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Blur(Operation):
    """Blurs images; the strength is the Gaussian's standard deviation in pixels."""

    deterministic = True

    def max_strength(self, images: Tensor) -> float:
        """Return a standard deviation of half the image."""
        return min(images.shape[-2:]) / 2

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Blur with mirrored borders.

        The kernel reaches three standard deviations, or the far border where that is nearer.
        """
        height, width = images.shape[-2:]
        radius = math.ceil(3 * strength)
        kernel_width, kernel_height = (2 * min(radius, side - 1) + 1 for side in (width, height))
        # The kernel is separable: rows, then columns give the same with far fewer products.
        rows = gaussian_blur(images, [kernel_width, 1], [strength, strength])
        blurred: Tensor = gaussian_blur(rows, [1, kernel_height], [strength, strength])
        return blurred
