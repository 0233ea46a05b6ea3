"""Batches of a fixed sample of the training images."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule


def sample_batches(
    datamodule: TableDataModule, count: int, device: torch.device
) -> Iterator[Batch]:
    """Yield batches of ``count`` training images at even steps through the split."""
    rows = torch.from_numpy(datamodule.rows("train"))
    sample = rows[torch.linspace(0, len(rows) - 1, count).long()]
    for batch_rows in torch.split(sample, datamodule.batch_size):
        yield datamodule.gather(batch_rows, device)
