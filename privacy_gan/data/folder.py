"""Data module for one's own images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.image_data_module import ImageDataModule


class FolderDataModule(ImageDataModule):
    """Images in a folder with a table of labels, in class folders, or in Parquet files.

    Args:
        images: folder of the images.
        labels: table of labels, or None; see docs/data.md.
        image_size: side of the square images in pixels, a multiple of 16.
        name: name of the data set.
        split: column or file with the split of each image, or None.
        person: column or file with the person in each image, or None.
        crop: side of a centre crop taken before resizing; None to resize the whole image.
        bins: for columns of numbers, the least number of each class, ascending.
        missing: values that mean that an image has no value, besides "", "NaN" and the like.
        split_seed: seed of splits that are made here.
        loading: batch and cache options, see ImageDataModule.
    """

    def __init__(
        self,
        images: str | Path,
        labels: str | Path | None,
        image_size: int,
        name: str = "folder",
        split: str | None = None,
        person: str | None = None,
        crop: int | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        missing: Sequence[str | float] = (),
        split_seed: int = 0,
        **loading: Any,
    ) -> None:
        source = open_folder(
            images, labels, image_size, name, split, person, crop, bins, missing, split_seed
        )
        super().__init__(source, **loading)
