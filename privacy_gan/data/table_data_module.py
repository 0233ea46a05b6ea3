"""Base class of the data modules, which serve whole batches from a table of images."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from privacy_gan import distributed
from privacy_gan.attributes import NO_YES, UNKNOWN, AttributeGroup, DataAttributes
from privacy_gan.data.batch import (
    Batch,
    RowIndices,
    SequentialBatches,
    ShuffledBatches,
    TableRows,
    to_labels,
)
from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.persons import number_persons, shared_persons_note
from privacy_gan.data.set_aside import check_share, key_with_persons, set_aside
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

logger = logging.getLogger(__name__)

SPLITS = {"train": 0, "valid": 1, "test": 2}
CERTIFY = "certify"  # a further split, which nothing is trained or tuned on
SPLIT_NUMBERS = {**SPLITS, CERTIFY: 3}
EXCLUDED = 255


class TableDataModule(LightningDataModule, ABC):
    """Data module that serves a table of images in whole batches.

    Args:
        batch_size: global batch size, over all processes; training drops a last, smaller batch.
        seed: seed of the order of training images.
        on_device: whether to keep all images on the accelerator and gather batches there; None to
            do so if they need at most a quarter of its free memory.
        certify: share of the persons of the training split, or of its images if the data name none,
            that become the split "certify".

    Attributes:
        viewable: whether the data can be viewed and compared as images, unlike toy data.
        independent_images: whether the images are independent by construction, as drawn ones are.
        group: categorical attribute in the last attribute column of a batch, or None.

    Raises:
        UserError: the share is out of range.
    """

    viewable = True
    independent_images = False
    group: AttributeGroup | None = None

    def __init__(
        self, batch_size: int, seed: int, on_device: bool | None = None, certify: float = 0.0
    ) -> None:
        super().__init__()
        check_share(certify)
        self.batch_size = batch_size
        self.seed = seed
        self.on_device = on_device
        self.certify = certify
        self._table: ImageTable | None = None
        self._resident: Batch | None = None
        self._ids: np.ndarray | None = None
        self._ids_are_read = False
        self._shared_persons_are_noted = False
        self._sensitive: str | None = None

    @property
    @abstractmethod
    def data_name(self) -> str:
        """Name and image size of the data set, for example celeba-64."""

    @property
    @abstractmethod
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the attributes, which are the first columns of a batch's attributes."""

    @abstractmethod
    def content_key(self) -> str:
        """Return a hexadecimal hash that is the same for every copy of the data."""

    @abstractmethod
    def open_table(self) -> ImageTable:
        """Return images and labels; images are uint8, or float if they need no scaling."""

    def column(self, attribute: str) -> int:
        """Return the index of an attribute's column in a batch."""
        if self.group is not None and attribute == self.group.name:
            return len(self.attribute_names)
        return self.attribute_names.index(attribute)

    def classes(self, attribute: str) -> tuple[str, ...]:
        """Return the class names of an attribute, in the order of its values."""
        if self.group is not None and attribute == self.group.name:
            return self.group.classes
        return self.known_attributes().classes[attribute]

    def known_attributes(self) -> DataAttributes:
        """Return the attributes without the group; by default, images have or lack them."""
        names = self.attribute_names
        return DataAttributes(dict.fromkeys(names, NO_YES), lambda _: names)

    def has_unknown(self, attribute: str) -> bool:
        """Return whether some images have no value of an attribute; by default, all have one."""
        return False

    def hide(self, attribute: str, group: AttributeGroup | None) -> None:
        """Set the sensitive attribute, before ``setup``, which excludes images without its value.

        Args:
            attribute: its name.
            group: the categorical attribute that it is, or None.
        """
        self._sensitive, self.group = attribute, group

    def excludes_images(self) -> bool:
        """Return whether images are excluded because of their sensitive attribute."""
        if self.group is None:
            return self._sensitive is not None and self.has_unknown(self._sensitive)
        drops = self.group.rule not in (None, "other")
        return drops or any(map(self.has_unknown, self.group.members))

    def split_name(self) -> str:
        """Return a name for these images and splits, for artifacts that are computed from them."""
        return f"{self.data_name}-{self.split_key()[:8]}"

    def split_key(self) -> str:
        """Return the data key, or a hash with the sensitive attribute if it excludes images."""
        key = self.data_key()
        if not self.excludes_images():
            return key
        return hashlib.sha256(f"{key} {self._sensitive}".encode()).hexdigest()[:16]

    def data_key(self) -> str:
        """Return the content key, or a hash that includes the persons who are set aside.

        ``image_source.data_key`` is the same without importing torch.
        """
        persons = self._person_ids() if self.certify else None
        return key_with_persons(self.content_key(), persons, self.certify)

    @property
    def table(self) -> ImageTable:
        """All images and labels. Call ``setup`` first."""
        assert self._table is not None, "setup() opens the table"
        return self._table

    def setup(self, stage: str | None = None) -> None:
        """Open the table.

        Raises:
            UserError: there are fewer training images than fill a batch, or no validation images.
        """
        if self._table is not None:
            return
        self._table = self._exclude_unlabelled(self._add_group(self.open_table()))
        if self.certify:
            self._table = self._set_aside(self._table)
        available = len(self.rows("train"))
        if available < self.batch_size:
            remedy = f"set data.batch_size to {available} or less"
            if self.certify:
                remedy = f"set less than data.certify={self.certify}, or a smaller data.batch_size"
            raise UserError(
                f"{self.data_name} has only {pluralize(available, 'training image')}, too few for "
                f"a batch of {self.batch_size}: {remedy}"
            )
        if not len(self.rows("valid")):
            raise UserError(f"{self.data_name} has no validation images: add some")

    def _add_group(self, table: ImageTable) -> ImageTable:
        if self.group is None:
            return table
        labels, selected = self.group.labels(table.attributes, self.attribute_names)
        return replace(
            table,
            attributes=np.column_stack([table.attributes, labels]),
            splits=np.where(selected, table.splits, np.uint8(EXCLUDED)),
        )

    def _exclude_unlabelled(self, table: ImageTable) -> ImageTable:
        if self.group is not None or not self.excludes_images():
            return table
        assert self._sensitive is not None
        unknown = table.attributes[:, self.column(self._sensitive)] == UNKNOWN
        logger.warning(
            "%s: excluded %s of %s images without a value of %s",
            self.data_name,
            f"{unknown.sum():,}",
            f"{len(unknown):,}",
            self._sensitive,
        )
        return replace(table, splits=np.where(unknown, np.uint8(EXCLUDED), table.splits))

    def _set_aside(self, table: ImageTable) -> ImageTable:
        rows = np.flatnonzero(table.splits == SPLITS["train"])
        ids = self._person_ids()
        splits = table.splits.copy()
        kept_for_certificate = set_aside(rows, rows if ids is None else ids[rows], self.certify)
        splits[kept_for_certificate] = SPLIT_NUMBERS[CERTIFY]
        return replace(table, splits=splits)

    def with_splits(self, splits: np.ndarray) -> Self:
        """Return a data module of the same images, which are not copied, with other splits.

        Args:
            splits: for each row of the table, a value of ``SPLIT_NUMBERS`` or ``EXCLUDED``, uint8
                [rows].
        """
        changed = copy(self)
        changed._table = replace(self.table, splits=splits)
        return changed

    def rows(self, split: str) -> np.ndarray:
        """Return the table rows of a split, int64 [N] in ascending order."""
        return np.flatnonzero(self.table.splits == SPLIT_NUMBERS[split])

    def labels(self, split: str) -> Tensor:
        """Return the attributes of a split, int64 [N, A], in the order of ``rows``.

        They are ``IGNORED`` where an image has no value.
        """
        return to_labels(torch.from_numpy(self.table.attributes[self.rows(split)]))

    def made_splits(self) -> tuple[Sequence[str], Sequence[str]] | None:
        """Return the names of all images and of their splits, if the data do not give them."""
        return None

    def read_persons(self) -> np.ndarray | None:
        """Return the integer id of the person in each image of the table, [N].

        None if the data name no persons, or if every image is independent of the others.
        """
        return None

    def persons(self, split: str) -> Tensor | None:
        """Return the integer id of the person in each image of a split, int64 [N].

        They are in the order of ``rows``. None if the data name no persons.

        Raises:
            UserError: the file that names them is damaged.
        """
        ids = self._person_ids()
        if ids is None:
            return None
        if not self._shared_persons_are_noted:
            used = self.table.splits != EXCLUDED
            for note in shared_persons_note(ids[used], self.table.splits[used]):
                logger.warning("%s: %s", self.data_name, note)
            self._shared_persons_are_noted = True
        return torch.from_numpy(ids[self.rows(split)])

    def _person_ids(self) -> np.ndarray | None:
        """Return the number of the person in each image of the table, int64 [rows], or None."""
        if not self._ids_are_read:
            ids = self.read_persons()
            self._ids = None if ids is None else number_persons(ids)
            self._ids_are_read = True
        return self._ids

    def gather(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """Return a batch of these table rows, of any split, on a device."""
        device = torch.device(device)
        if self.keeps_images_on(device):
            return self.on_after_batch_transfer(rows.to(device), 0)
        images, attributes = TableRows(self.table)[rows]
        return self.on_after_batch_transfer((images.to(device), attributes.to(device)), 0)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches of the training split, in a different order in each epoch."""
        return self._loader(ShuffledBatches(self.rows("train"), self.batch_size, self.seed, self))

    def val_dataloader(self) -> DataLoader[Any]:
        """Return batches of the validation split in order."""
        order = SequentialBatches(self.rows("valid"), self.batch_size)
        return self._loader(order.subset(self._validation_batches(len(order))))

    def validation_batch(self, index: int) -> int:
        """Return the number of the ``index``-th validation batch of this process."""
        total = len(SequentialBatches(self.rows("valid"), self.batch_size))
        return self._validation_batches(total)[index]

    def _validation_batches(self, total: int) -> range:
        processes = distributed.world_size()
        # with fewer batches than processes, every process gets all batches
        return range(distributed.rank(), total, processes) if total >= processes else range(total)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return batches of the test split in order."""
        return self._loader(SequentialBatches(self.rows("test"), self.batch_size))

    def keeps_images_on(self, device: torch.device) -> bool:
        """Return whether all images are kept on a device. They are copied on first use."""
        if device.type == "cpu":
            return False
        if self.on_device is None:  # decide once, before the networks use the memory
            free = free_memory(device)
            self.on_device = free is not None and 4 * self.table.images.nbytes <= free
        return self.on_device

    def _loader(self, sampler: Sampler[Tensor]) -> DataLoader[Any]:
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        on_device = self.keeps_images_on(device)
        return DataLoader(
            RowIndices() if on_device else TableRows(self.table),
            sampler=sampler,
            batch_size=None,  # the sampler yields whole batches
            pin_memory=torch.cuda.is_available() and not on_device,
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """Convert images to float on the device, so that only uint8 is transferred."""
        if isinstance(batch, Tensor):
            table = self._resident_on(batch.device)
            batch = Batch(table.images[batch], table.attributes[batch])
        images, attributes = batch
        # a permuted view of [B, H, W, C] is a batch in channels-last memory format
        floats = images.permute(0, 3, 1, 2).float()
        return Batch(
            floats.div_(255) if images.dtype == torch.uint8 else floats, to_labels(attributes)
        )

    def _resident_on(self, device: torch.device) -> Batch:
        if self._resident is None or self._resident.images.device != device:
            images, attributes = np.asarray(self.table.images), self.table.attributes
            self._resident = Batch(
                torch.tensor(images, device=device), torch.tensor(attributes, device=device)
            )
        return self._resident


def free_memory(device: torch.device) -> int | None:
    """Return the free memory of an accelerator in bytes, or None if it is unknown."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
