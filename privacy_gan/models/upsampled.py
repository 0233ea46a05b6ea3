"""A convolution of an upsampled image, without upsampling it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve_upsampled(images: Tensor, weight: Tensor) -> Tensor:
    """Double images by nearest neighbours and convolve them with 3x3 kernels, padded with zeros.

    Of the nine pixels under a kernel at most four are different ones. A transposed convolution of
    the images as they are, whose kernels are summed accordingly, multiplies each once: four
    multiplications for nine, and nothing is stored at the larger size but the result.

    Args:
        images: [B, I, H, W].
        weight: [O, I, 3, 3].

    Returns:
        [B, O, 2H, 2W].
    """
    kernels = spread(spread(weight, 2), 3)  # [O, I, 4, 4]
    return F.conv_transpose2d(images, kernels.transpose(0, 1), stride=2, padding=1)


def spread(weight: Tensor, dim: int) -> Tensor:
    """Sum, along a dimension of 3, what meets the same pixel before it was doubled: 4 entries."""
    first, second, third = weight.unbind(dim)
    return torch.stack([third, second + third, first + second, first], dim)
