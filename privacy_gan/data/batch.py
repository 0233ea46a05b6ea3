"""Batches: what every data set yields, and which rows of its table make them up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from privacy_gan import replicas
from privacy_gan.randomness import Purpose, keyed_generator

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule

    from privacy_gan.data.image_cache import ImageTable


class Batch(NamedTuple):
    """Images and their attributes.

    Attributes:
        images: [B, 3, H, W] float in [0, 1]; [B, C, H, W] of any range where the data are no
            pictures.
        attributes: [B, A] integers (int64), a column for each of the data's attribute names.
    """

    images: Tensor
    attributes: Tensor


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
        self.batches = list(torch.split(torch.from_numpy(rows), batch_size))

    def part(self, numbers: range) -> InOrder:
        """Keep some batches only."""
        self.batches = [self.batches[number] for number in numbers]
        return self

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.batches)


class EpochOrder(Sampler[Tensor]):
    """Shuffled row numbers in whole batches; the order is a function of seed and epoch.

    Where several processes share the work, each gets its part of every batch.

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
            yield replicas.own_part(order[batch * self.batch_size : (batch + 1) * self.batch_size])

    def _next_batch(self) -> int:
        trainer = self.datamodule.trainer
        if trainer is None or not trainer.training:
            return 0
        # known only when the first batch is asked for: Lightning makes the iterator earlier
        return int(trainer.fit_loop.epoch_loop.batch_idx) + 1
