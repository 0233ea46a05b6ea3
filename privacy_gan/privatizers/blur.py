"""Gaussian blur, a common way to hide what a face shows."""

from __future__ import annotations

import math

from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Blur(Operation):
    """Blurs; its strength is the Gaussian's standard deviation in pixels."""

    deterministic = True

    def strongest(self, images: Tensor) -> float:
        """Return a deviation of half the image."""
        return min(images.shape[-2:]) / 2

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Blur, mirroring at the borders; the kernel ends at three deviations or the far border."""
        height, width = images.shape[-2:]
        reach = math.ceil(3 * strength)
        across, down = (2 * min(reach, side - 1) + 1 for side in (width, height))
        # a row of the kernel, then a column: the same as both at once, and far fewer products
        rows = gaussian_blur(images, [across, 1], [strength, strength])
        blurred: Tensor = gaussian_blur(rows, [1, down], [strength, strength])
        return blurred
