"""Base class of the data modules whose images go through the image cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from privacy_gan.attributes import DataAttributes
from privacy_gan.data.image_cache import ImageTable, load_or_build
from privacy_gan.data.image_source import ImageSource
from privacy_gan.data.table_data_module import TableDataModule


class ImageDataModule(TableDataModule):
    """Data module that serves a source's images from the image cache.

    Args:
        source: the images and labels.
        cache_dir: folder for the decoded images.
        num_workers: number of processes that decode images; None for one per core.
        batches: batch options, see TableDataModule.
    """

    def __init__(
        self,
        source: ImageSource,
        cache_dir: str | Path,
        num_workers: int | None = None,
        **batches: Any,
    ) -> None:
        super().__init__(**batches)
        self.source = source
        self.cache_dir = Path(cache_dir)
        self.num_workers = num_workers
        self._known: DataAttributes | None = None

    @property
    def data_name(self) -> str:
        """The source's name."""
        return self.source.name

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The source's attribute names."""
        return self.source.attribute_names

    def known_attributes(self) -> DataAttributes:
        """Return the source's attributes, which are read once."""
        if self._known is None:
            self._known = self.source.known_attributes
        return self._known

    def has_unknown(self, attribute: str) -> bool:
        """Return whether some of the source's images have no value of an attribute."""
        return self.source.has_unknown(attribute)

    def content_key(self) -> str:
        """Return the source's content key."""
        return self.source.content_key()

    def read_persons(self) -> np.ndarray | None:
        """Return the source's ids."""
        return self.source.persons()

    def prepare_data(self) -> None:
        """Build the cache if it is missing."""
        self.open_table()

    def open_table(self) -> ImageTable:
        """Open the cache. Build it first if it is missing."""
        return load_or_build(self.source, self.cache_dir, self.num_workers)
