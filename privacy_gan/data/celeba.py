"""CelebA (Liu et al., 2015) as batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.table_data_module import ImageDataModule


class CelebADataModule(ImageDataModule):
    """CelebA's official splits with all 40 attributes.

    Args:
        root: folder with the images and the two lists, in any of the layouts in circulation.
        image_size: side of the square that images are resized to.
        crop: side of a centre crop taken before resizing; None to resize the whole image.
        loading: batches and cache, see ImageDataModule.
    """

    def __init__(
        self, root: str | Path, image_size: int, crop: int | None = None, **loading: Any
    ) -> None:
        super().__init__(CelebASource(Path(root), image_size, crop), **loading)
