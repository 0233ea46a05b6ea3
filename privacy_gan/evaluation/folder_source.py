"""Images that somebody else censored, once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.source import QUERY_BATCH, CensoredBatch, training_order
from privacy_gan.hardware import Compute


class FolderSource:
    """Serves censored images of a data set, beside the originals where these are known.

    Args:
        censored: the images, set up.
        originals: the same ones uncensored, in the same order, with the same labels, set up; or
            None.
        compute: where batches are, and in which precision networks run.
    """

    deterministic = True

    def __init__(
        self, censored: TableDataModule, originals: TableDataModule | None, compute: Compute
    ) -> None:
        self.censored = censored
        self.has_originals = originals is not None
        self.datamodule = originals or censored
        self.compute = compute

    def training_epoch(self, epoch: int, batch_size: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = training_order(self.datamodule, epoch, batch_size, seed)
        yield from map(self._batch, torch.split(rows, batch_size))

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource; all queries are answered alike."""
        del number, seed
        rows = torch.from_numpy(self.datamodule.rows(split))
        yield from map(self._batch, torch.split(rows, QUERY_BATCH))

    def _batch(self, rows: Tensor) -> CensoredBatch:
        images, attributes = self.censored.gather(rows, self.compute.device)
        original = images
        if self.has_originals:
            original = self.datamodule.gather(rows, self.compute.device).images
        return CensoredBatch(images, original, attributes, None)
