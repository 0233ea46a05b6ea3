"""Data module for CelebA (Liu et al., 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.image_data_module import ImageDataModule


class CelebADataModule(ImageDataModule):
    """CelebA with its official splits and all 40 attributes.

    Args:
        root: folder with the images and the two lists, in any known layout (docs/data.md).
        image_size: side of the square images in pixels, a multiple of 16.
        crop: side of a centre crop taken before resizing; None to resize the whole image.
        loading: batch and cache options, see ImageDataModule.
    """

    def __init__(
        self, root: str | Path, image_size: int, crop: int | None = None, **loading: Any
    ) -> None:
        super().__init__(CelebASource(Path(root), image_size, crop), **loading)
