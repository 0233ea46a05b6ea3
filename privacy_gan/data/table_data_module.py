"""Batches from a table of images: what all data sets have in common, and those of image files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from privacy_gan import distributed
from privacy_gan.attributes import AttributeGroup
from privacy_gan.data.batch import Batch, RowIndices, SequentialBatches, ShuffledBatches, TableRows
from privacy_gan.data.image_cache import ImageTable, load_or_build
from privacy_gan.data.image_source import ImageSource
from privacy_gan.errors import UserError

SPLITS = {"train": 0, "valid": 1, "test": 2}
EXCLUDED = 255


class TableDataModule(LightningDataModule, ABC):
    """Serves a table of images in whole batches.

    Args:
        batch_size: images in a batch, over all processes that share it; a last, smaller one is
            left out in training.
        seed: of the order of training images.
        on_device: whether all images are kept on the accelerator and batches gathered there; None
            where they take up no more than a quarter of what is free there.

    Attributes:
        pictures: whether the images can be looked at and compared as such; toy data cannot.
        group: a categorical attribute, which is the last of the batch's attribute columns, after
            the binary ones; to be set before ``setup``.
    """

    viewable = True
    group: AttributeGroup | None = None

    def __init__(self, batch_size: int, seed: int, on_device: bool | None = None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.seed = seed
        self.on_device = on_device
        self._table: ImageTable | None = None
        self._resident: Batch | None = None

    @property
    @abstractmethod
    def data_name(self) -> str:
        """What the data are, and their size: celeba-64."""

    @property
    @abstractmethod
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the batch's binary attributes, which are its first columns."""

    @abstractmethod
    def content_key(self) -> str:
        """Return hexadecimal digits that tell these data from others, wherever copies lie."""

    @abstractmethod
    def open_table(self) -> ImageTable:
        """Return images and labels; images uint8 in 0 to 255, or float as they are meant."""

    def column(self, attribute: str) -> int:
        """Return which of the batch's columns an attribute is."""
        if self.group is not None and attribute == self.group.name:
            return len(self.attribute_names)
        return self.attribute_names.index(attribute)

    def classes(self, attribute: str) -> tuple[str, ...]:
        """Return what the values of an attribute are called, in the order of their numbers."""
        if self.group is not None and attribute == self.group.name:
            return self.group.classes
        return ("0", "1")

    def split_name(self) -> str:
        """Return a name for these images in these splits, of whatever is made from them once."""
        return f"{self.data_name}-{self.split_key()[:8]}"

    def split_key(self) -> str:
        """Return the content key, changed where the group leaves images out."""
        key = self.content_key()
        if self.group is None or self.group.rule in (None, "other"):
            return key
        return hashlib.sha256(f"{key} {self.group.name}".encode()).hexdigest()[:16]

    @property
    def table(self) -> ImageTable:
        """All images and labels, once ``setup`` was called."""
        assert self._table is not None, "setup() opens the table"
        return self._table

    def setup(self, stage: str | None = None) -> None:
        """Open the table.

        Raises:
            UserError: training images do not fill a batch, or there are none to validate on.
        """
        if self._table is not None:
            return
        self._table = self._add_group(self.open_table())
        available = len(self.rows("train"))
        if available < self.batch_size:
            raise UserError(
                f"{self.data_name} has {available} training images, too few for a batch of "
                f"{self.batch_size}: set data.batch_size to {available} or less"
            )
        if not len(self.rows("valid")):
            raise UserError(
                f"{self.data_name} has no validation images: add some, as the official split has"
            )

    def _add_group(self, table: ImageTable) -> ImageTable:
        if self.group is None:
            return table
        labels, kept = self.group.labels(table.attributes, self.attribute_names)
        return replace(
            table,
            attributes=np.column_stack([table.attributes, labels]),
            splits=np.where(kept, table.splits, np.uint8(EXCLUDED)),
        )

    def rows(self, split: str) -> np.ndarray:
        """Return where a split's images are in the table, [N] int64 in ascending order."""
        return np.flatnonzero(self.table.splits == SPLITS[split])

    def labels(self, split: str) -> Tensor:
        """Return a split's attributes, [N, A] int64, in the order of ``rows``."""
        return torch.from_numpy(self.table.attributes[self.rows(split)]).long()

    def gather(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """Return chosen images on a device, whatever the split."""
        device = torch.device(device)
        if self.keeps_images_on(device):
            return self.on_after_batch_transfer(rows.to(device), 0)
        images, attributes = TableRows(self.table)[rows]
        return self.on_after_batch_transfer((images.to(device), attributes.to(device)), 0)

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled batches of the training split, an order of its own in each epoch."""
        return self._loader(ShuffledBatches(self.rows("train"), self.batch_size, self.seed, self))

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches of the validation split in order."""
        order = SequentialBatches(self.rows("valid"), self.batch_size)
        return self._loader(order.subset(self._validation_batches(len(order))))

    def validation_batch(self, index: int) -> int:
        """Return which of the validation split's batches is this process's ``index``-th."""
        total = len(SequentialBatches(self.rows("valid"), self.batch_size))
        return self._validation_batches(total)[index]

    def _validation_batches(self, total: int) -> range:
        processes = distributed.world_size()
        # where there is not one for each process, all see all
        return range(distributed.rank(), total, processes) if total >= processes else range(total)

    def test_dataloader(self) -> DataLoader[Any]:
        """Batches of the test split in order."""
        return self._loader(SequentialBatches(self.rows("test"), self.batch_size))

    def keeps_images_on(self, device: torch.device) -> bool:
        """Tell whether all images are on a device, or will be as soon as one is needed there."""
        if device.type == "cpu":
            return False
        if self.on_device is None:  # decided once, before the networks fill the memory
            free = free_memory(device)
            self.on_device = free is not None and 4 * self.table.images.nbytes <= free
        return self.on_device

    def _loader(self, sampler: Sampler[Tensor]) -> DataLoader[Any]:
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        kept = self.keeps_images_on(device)
        return DataLoader(
            RowIndices() if kept else TableRows(self.table),
            sampler=sampler,
            batch_size=None,  # the sampler's elements are whole batches already
            pin_memory=torch.cuda.is_available() and not kept,
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """Convert to float where the batch is now: a quarter of the bytes had to travel."""
        if isinstance(batch, Tensor):
            table = self._resident_on(batch.device)
            batch = Batch(table.images[batch], table.attributes[batch])
        images, attributes = batch
        # a transposed view of [B, H, W, C] is a batch in channels-last layout
        floats = images.permute(0, 3, 1, 2).float()
        return Batch(floats.div_(255) if images.dtype == torch.uint8 else floats, attributes.long())

    def _resident_on(self, device: torch.device) -> Batch:
        if self._resident is None or self._resident.images.device != device:
            images, attributes = np.asarray(self.table.images), self.table.attributes
            self._resident = Batch(
                torch.tensor(images, device=device), torch.tensor(attributes, device=device)
            )
        return self._resident


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


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes are free on an accelerator, or None where it does not tell."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
