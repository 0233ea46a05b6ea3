"""The batch type, and the samplers that choose the rows of each batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from privacy_gan import distributed
from privacy_gan.attributes import IGNORED, UNKNOWN
from privacy_gan.randomness import Purpose, keyed_generator

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule

    from privacy_gan.data.image_cache import ImageTable


class Batch(NamedTuple):
    """A batch of images and their attributes.

    Attributes:
        images: float [B, 3, H, W] in [0, 1]; toy data are [B, C, H, W] with any range.
        attributes: int64 [B, A], one column for each attribute name of the data set; ``IGNORED``
            where an image has no value.
    """

    images: Tensor
    attributes: Tensor


def to_labels(values: Tensor) -> Tensor:
    """Return the labels of a table, uint8 with ``UNKNOWN``, as int64 with ``IGNORED``."""
    labels = values.long()
    return labels.masked_fill(labels == UNKNOWN, IGNORED)


def from_labels(labels: Tensor) -> Tensor:
    """Return labels, int64 with ``IGNORED``, as in a table, uint8 with ``UNKNOWN``."""
    return labels.masked_fill(labels == IGNORED, UNKNOWN).byte()


class TableRows(Dataset[Batch]):
    """Dataset that gathers a whole batch of table rows for each call."""

    def __init__(self, table: ImageTable) -> None:
        self.table = table

    def __getitem__(self, rows: Tensor) -> Batch:
        index = rows.numpy()
        return Batch(
            torch.from_numpy(self.table.images[index]),
            torch.from_numpy(self.table.attributes[index]),
        )


class RowIndices(Dataset[Tensor]):
    """Dataset that returns row indices unchanged, for batches gathered on the accelerator."""

    def __getitem__(self, rows: Tensor) -> Tensor:
        return rows


class SequentialBatches(Sampler[Tensor]):
    """Sampler of row indices in order, one batch at a time. The last batch may be smaller."""

    def __init__(self, rows: np.ndarray, batch_size: int) -> None:
        self.batches = list(torch.split(torch.from_numpy(rows), batch_size))

    def subset(self, numbers: range) -> SequentialBatches:
        """Keep only the batches with these numbers."""
        self.batches = [self.batches[number] for number in numbers]
        return self

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.batches)


class ShuffledBatches(Sampler[Tensor]):
    """Sampler of shuffled row indices, one full batch at a time.

    The order depends only on the seed and the epoch. In distributed training, each process gets
    its shard of every batch. A run that resumes in the middle of an epoch starts at the next batch.
    """

    def __init__(
        self, rows: np.ndarray, batch_size: int, seed: int, datamodule: LightningDataModule
    ) -> None:
        self.row_indices = torch.from_numpy(rows)
        self.batch_size = batch_size
        self.seed = seed
        self.datamodule = datamodule
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which Lightning does before it starts one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.row_indices) // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        rng = keyed_generator("cpu", self.seed, Purpose.ORDER, self.epoch)
        order = self.row_indices[torch.randperm(len(self.row_indices), generator=rng)]
        for batch in range(self._next_batch(), len(self)):
            yield distributed.local_shard(
                order[batch * self.batch_size : (batch + 1) * self.batch_size]
            )

    def _next_batch(self) -> int:
        trainer = self.datamodule.trainer
        if trainer is None or not trainer.training:
            return 0
        # read when the first batch is requested: Lightning creates the iterator before it is set
        return int(trainer.fit_loop.epoch_loop.batch_idx) + 1
