"""Batches from any source of images, decoded once and kept as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privacy_gan.data.image_cache import ImageTable, load_or_build
from privacy_gan.data.image_source import ImageSource
from privacy_gan.data.table_data_module import TableDataModule


class ImageDataModule(TableDataModule):
    """Serves a source's images from the image cache.

    Args:
        source: where images and labels come from.
        cache_dir: folder for the decoded images.
        num_workers: processes that decode; None for one a core.
        batches: see TableDataModule.
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

    @property
    def data_name(self) -> str:
        """The source's."""
        return self.source.name

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The source's."""
        return self.source.attribute_names

    def content_key(self) -> str:
        """Return the source's."""
        return self.source.content_key()

    def prepare_data(self) -> None:
        """Decode what is not in the cache."""
        self.open_table()

    def open_table(self) -> ImageTable:
        """Open the cache; decode first what is not in it."""
        return load_or_build(self.source, self.cache_dir, self.num_workers)
