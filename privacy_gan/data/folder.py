"""Data module for one's own images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privacy_gan.data.assignment import GIVEN
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.image_data_module import ImageDataModule
from privacy_gan.data.splits import NAMES


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
        layout: key of a known set that the folder is a copy of, or None to find out.
        channels: 3, or 1 for grey images.
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
        missing: Sequence[str | float] | str | float = (),
        split_seed: int = 0,
        layout: str | None = None,
        channels: int = 3,
        **loading: Any,
    ) -> None:
        given = (images, labels, image_size, name, split, person, crop, bins, missing)
        source = open_folder(*given, split_seed, layout, channels)
        super().__init__(source, **loading)
        self.labelled = source

    def made_splits(self) -> tuple[Sequence[str], Sequence[str]] | None:
        """See TableDataModule."""
        if self.labelled.origin == GIVEN:
            return None
        return self.labelled.files, [NAMES[split] for split in self.labelled.splits]
