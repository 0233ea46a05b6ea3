"""The batch, which every data set yields."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Images and their attributes.

    Attributes:
        images: [B, 3, H, W] float in [0, 1]; [B, C, H, W] of any range where the data are no
            pictures.
        attributes: [B, A] integers (int64), a column for each of the data's attribute names.
    """

    images: Tensor
    attributes: Tensor
