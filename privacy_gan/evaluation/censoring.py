"""Censored batches for all who look at them, each image censored once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.randomness import Purpose, keyed_generator

SPLIT_NUMBERS = {"valid": 0, "test": 1}
QUERY_BATCH = 256  # images at a time where nobody learns from them: small batches take longer


@dataclass(frozen=True)
class Arithmetic:
    """Where to compute, and how exactly.

    Attributes:
        device: of networks and batches.
        autocast: makes the context in which networks run.
    """

    device: torch.device
    autocast: Callable[[], AbstractContextManager[None]]


class CensoredBatch(NamedTuple):
    """What the judge knows of a batch.

    An adversary gets ``images``; in training, where it censors images of its own, ``original`` and
    the labels, too.

    Attributes:
        images: x'' or x', [B, C, H, W].
        original: x, likewise.
        attributes: true attributes [B, A] int64.
        synthetic: s' [B], or None where the mechanism puts nothing in.
    """

    images: Tensor
    original: Tensor
    attributes: Tensor
    synthetic: Tensor | None


class Censor:
    """Applies a mechanism to a data module's splits; all noise is a function of the seed.

    Args:
        privatizer: the mechanism, on the arithmetic's device.
        datamodule: set up.
        batch_size: images at a time in training.
        seed: of the order in training and of all noise.
        arithmetic: where and how exactly.
    """

    def __init__(
        self,
        privatizer: Privatizer,
        datamodule: TableDataModule,
        batch_size: int,
        seed: int,
        arithmetic: Arithmetic,
    ) -> None:
        self.privatizer = privatizer.eval()
        self.datamodule = datamodule
        self.batch_size = batch_size
        self.seed = seed
        self.arithmetic = arithmetic

    def batches_in(self, split: str) -> int:
        """Return the number of batches in a pass over a split."""
        size = self.batch_size if split == "train" else QUERY_BATCH
        return -(-len(self.datamodule.rows(split)) // size)

    def training_epoch(self, epoch: int) -> Iterator[CensoredBatch]:
        """Yield the training split in an order and with noise of the epoch's own."""
        rows = torch.from_numpy(self.datamodule.rows("train"))
        rng = keyed_generator("cpu", self.seed, Purpose.JUDGE_ORDER, epoch)
        shuffled = rows[torch.randperm(len(rows), generator=rng)]
        if len(rows) % self.batch_size == 1 < len(rows):
            shuffled = shuffled[:-1]  # batch norm cannot learn from one image
        yield from self._censor(shuffled, self.batch_size, Purpose.JUDGE_TRAIN, epoch)

    def query(self, split: str, number: int) -> Iterator[CensoredBatch]:
        """Yield a split in order, censored for the ``number``-th time."""
        rows = torch.from_numpy(self.datamodule.rows(split))
        yield from self._censor(
            rows, QUERY_BATCH, Purpose.JUDGE_SCORE, SPLIT_NUMBERS[split], number
        )

    def _censor(
        self, rows: Tensor, batch_size: int, purpose: Purpose, *counters: int
    ) -> Iterator[CensoredBatch]:
        device = self.arithmetic.device
        for index, some in enumerate(torch.split(rows, batch_size)):
            batch = self.datamodule.gather(some, device)
            rng = keyed_generator(device, self.seed, purpose, *counters, index)
            with torch.no_grad(), self.arithmetic.autocast():
                images, synthetic = self.privatizer.privatize(batch.images, rng)
            yield CensoredBatch(images, batch.images, batch.attributes, synthetic)
