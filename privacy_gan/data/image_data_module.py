"""Batches from a table of images, for any source of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from privacy_gan.data.batch import Batch
from privacy_gan.data.image_cache import ImageTable, load_or_build
from privacy_gan.data.image_source import ImageSource
from privacy_gan.errors import UserError
from privacy_gan.randomness import Purpose, keyed_generator

SPLITS = {"train": 0, "valid": 1, "test": 2}


class ImageDataModule(LightningDataModule):
    """Serves a source's images in whole batches, decoded once and kept as bytes.

    Args:
        source: where images and labels come from.
        cache_dir: folder for the decoded images.
        batch_size: images in a batch; a last, smaller one is left out in training.
        seed: of the order of training images.
        on_device: keep all images on the accelerator and gather batches there.
        num_workers: processes that decode; None for one a core.
    """

    def __init__(
        self,
        source: ImageSource,
        cache_dir: str | Path,
        batch_size: int,
        seed: int,
        on_device: bool = False,
        num_workers: int | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.cache_dir = Path(cache_dir)
        self.batch_size = batch_size
        self.seed = seed
        self.on_device = on_device
        self.num_workers = num_workers
        self.table: ImageTable | None = None
        self._resident: Batch | None = None

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the batch's attribute columns."""
        return self.source.attribute_names

    def prepare_data(self) -> None:
        """Decode what is not in the cache."""
        load_or_build(self.source, self.cache_dir, self.num_workers)

    def setup(self, stage: str | None = None) -> None:
        """Open the cache.

        Raises:
            UserError: training images do not fill a batch, or there are none to validate on.
        """
        if self.table is not None:
            return
        self.table = load_or_build(self.source, self.cache_dir, self.num_workers)
        available = len(self.rows("train"))
        if available < self.batch_size:
            raise UserError(
                f"{self.source.name} has {available} training images, too few for a batch of "
                f"{self.batch_size}: set data.batch_size to {available} or less"
            )
        if not len(self.rows("valid")):
            raise UserError(
                f"{self.source.name} has no validation images: add some, as the official split has"
            )

    def rows(self, split: str) -> np.ndarray:
        """Return where a split's images are in the table, [N] int64 in ascending order."""
        assert self.table is not None, "setup() opens the table"
        return np.flatnonzero(self.table.splits == SPLITS[split])

    def gather(self, rows: Tensor) -> Batch:
        """Return chosen images on the CPU, whatever the split."""
        assert self.table is not None, "setup() opens the table"
        return self.on_after_batch_transfer(TableRows(self.table)[rows], 0)

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled batches of the training split, an order of its own in each epoch."""
        return self._loader(EpochOrder(self.rows("train"), self.batch_size, self.seed, self))

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches of the validation split in order."""
        return self._loader(InOrder(self.rows("valid"), self.batch_size))

    def test_dataloader(self) -> DataLoader[Any]:
        """Batches of the test split in order."""
        return self._loader(InOrder(self.rows("test"), self.batch_size))

    def _loader(self, sampler: Sampler[Tensor]) -> DataLoader[Any]:
        assert self.table is not None, "setup() opens the table"
        dataset = RowNumbers() if self.on_device else TableRows(self.table)
        return DataLoader(
            dataset,
            sampler=sampler,
            batch_size=None,  # the sampler's elements are whole batches already
            pin_memory=torch.cuda.is_available() and not self.on_device,
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """Convert to float where the batch is now: a quarter of the bytes had to travel."""
        if isinstance(batch, Tensor):
            table = self._resident_on(batch.device)
            batch = Batch(table.images[batch], table.attributes[batch])
        images, attributes = batch
        # a transposed view of [B, H, W, 3] is a batch in channels-last layout
        return Batch(images.permute(0, 3, 1, 2).float().div_(255), attributes.long())

    def _resident_on(self, device: torch.device) -> Batch:
        assert self.table is not None, "setup() opens the table"
        if self._resident is None or self._resident.images.device != device:
            images, attributes = np.asarray(self.table.images), self.table.attributes
            self._resident = Batch(
                torch.tensor(images, device=device), torch.tensor(attributes, device=device)
            )
        return self._resident


class TableRows(Dataset[Batch]):
    """Gathers whole batches from a table's bytes, one call a batch."""

    def __init__(self, table: ImageTable) -> None:
        self.table = table

    def __getitem__(self, rows: Tensor) -> Batch:
        index = rows.numpy()
        return Batch(
            torch.from_numpy(self.table.images[index]),
            torch.from_numpy(self.table.attributes[index]),
        )


class RowNumbers(Dataset[Tensor]):
    """Passes on which rows a batch consists of, to be gathered on the accelerator."""

    def __getitem__(self, rows: Tensor) -> Tensor:
        return rows


class InOrder(Sampler[Tensor]):
    """Row numbers in whole batches, the last one as it comes."""

    def __init__(self, rows: np.ndarray, batch_size: int) -> None:
        self.batches = torch.split(torch.from_numpy(rows), batch_size)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.batches)


class EpochOrder(Sampler[Tensor]):
    """Shuffled row numbers in whole batches; the order is a function of seed and epoch.

    Where a run resumes in the middle of an epoch, it starts at the batch that comes next.
    """

    def __init__(
        self, rows: np.ndarray, batch_size: int, seed: int, datamodule: LightningDataModule
    ) -> None:
        self.row_numbers = torch.from_numpy(rows)
        self.batch_size = batch_size
        self.seed = seed
        self.datamodule = datamodule
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning says here which epoch comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.row_numbers) // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        rng = keyed_generator("cpu", self.seed, Purpose.ORDER, self.epoch)
        order = self.row_numbers[torch.randperm(len(self.row_numbers), generator=rng)]
        for batch in range(self._next_batch(), len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def _next_batch(self) -> int:
        trainer = self.datamodule.trainer
        if trainer is None or not trainer.training:
            return 0
        # known only when the first batch is asked for: Lightning makes the iterator earlier
        return int(trainer.fit_loop.epoch_loop.batch_idx) + 1
