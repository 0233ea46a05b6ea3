"""Censored batches for adversaries and classifiers, from a mechanism or from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privacy_gan.data.release_format import FLOAT, PNG, ReleaseFormat, to_uint8
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.identity import Identity
from privacy_gan.randomness import Purpose, keyed_generator

SPLIT_NUMBERS = {"valid": 0, "test": 1}
QUERY_BATCH = 256  # images at a time where nobody learns from them: small batches take longer


class CensoredBatch(NamedTuple):
    """What the judge knows of a batch.

    An adversary gets ``images``; in training, where it censors images of its own, ``original`` and
    the labels, too.

    Attributes:
        images: x'' or x', [B, C, H, W].
        original: x, likewise.
        attributes: true attributes [B, A] int64.
        synthetic: s' [B], or None where nothing is put in.
    """

    images: Tensor
    original: Tensor
    attributes: Tensor
    synthetic: Tensor | None


class CensoredSource(Protocol):
    """What can be judged: something that yields a data set's images, censored.

    Attributes:
        datamodule: the data set, set up.
        compute: where batches are, and in which precision networks run.
        deterministic: whether an image is always censored alike, so that one query tells all.
        has_originals: whether it is known what the images were before they were censored; where
            not, a batch's ``original`` is the censored image itself.
    """

    datamodule: TableDataModule
    compute: Compute
    deterministic: bool
    has_originals: bool

    def training_epoch(self, epoch: int, batch_size: int, seed: int) -> Iterator[CensoredBatch]:
        """Yield the training split in an order, and with noise, of the epoch's and seed's own."""

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """Yield a split in order, QUERY_BATCH images at a time, censored for a further time."""


class MechanismSource:
    """Applies a mechanism to a data set; all noise is a function of the seed.

    Args:
        privatizer: the mechanism.
        datamodule: set up.
        compute: where, and in which precision.
    """

    has_originals = True

    def __init__(
        self, privatizer: Privatizer, datamodule: TableDataModule, compute: Compute
    ) -> None:
        self.privatizer = privatizer.to(compute.device).eval()
        self.datamodule = datamodule
        self.compute = compute
        self.deterministic = privatizer.deterministic

    def training_epoch(self, epoch: int, batch_size: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = training_order(self.datamodule, epoch, batch_size, seed)
        yield from self._censor(rows, batch_size, seed, Purpose.JUDGE_TRAIN, epoch)

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = torch.from_numpy(self.datamodule.rows(split))
        key = (Purpose.JUDGE_SCORE, SPLIT_NUMBERS[split], number)
        yield from self._censor(rows, QUERY_BATCH, seed, *key)

    def _censor(
        self, rows: Tensor, batch_size: int, seed: int, purpose: Purpose, *counters: int
    ) -> Iterator[CensoredBatch]:
        device = self.compute.device
        for index, some in enumerate(torch.split(rows, batch_size)):
            batch = self.datamodule.gather(some, device)
            rng = keyed_generator(device, seed, purpose, *counters, index)
            with torch.no_grad(), self.compute.autocast():
                images, synthetic = self.privatizer.privatize(batch.images, rng)
            yield CensoredBatch(images, batch.images, batch.attributes, synthetic)


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


class FileFormatSource:
    """Another source's images after they were written into files and read again.

    Args:
        source: of the images.
        form: of the files.
    """

    def __init__(self, source: CensoredSource, form: ReleaseFormat) -> None:
        self.source = source
        self.form = form
        self.datamodule = source.datamodule
        self.compute = source.compute
        self.deterministic = source.deterministic
        self.has_originals = source.has_originals

    def training_epoch(self, epoch: int, batch_size: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        yield from map(self._released, self.source.training_epoch(epoch, batch_size, seed))

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        yield from map(self._released, self.source.query(split, number, seed))

    def _released(self, batch: CensoredBatch) -> CensoredBatch:
        return batch._replace(images=round_trip(batch.images, self.form))


def with_file_format(source: CensoredSource, name: str) -> CensoredSource:
    """Return a source's images as files of a format hold them, or as they are for "float".

    Raises:
        UserError: there is no such format.
    """
    return source if name == FLOAT else FileFormatSource(source, ReleaseFormat.of(name))


def round_trip(images: Tensor, form: ReleaseFormat) -> Tensor:
    """Return images [B, 3, H, W] in [0, 1] as they are read from files of a format."""
    pixels = to_uint8(images)
    if form.name != PNG:  # which loses nothing that is left after rounding
        files = [
            form.encode(Image.fromarray(image))
            for image in pixels.permute(0, 2, 3, 1).cpu().numpy()
        ]
        read = np.stack([np.asarray(Image.open(BytesIO(file))) for file in files])
        pixels = torch.from_numpy(read).to(images.device).permute(0, 3, 1, 2)
    return pixels.to(images.dtype) / 255


def original_images(datamodule: TableDataModule, compute: Compute) -> MechanismSource:
    """Return a source of images that nobody censored."""
    return MechanismSource(Identity(), datamodule, compute)


def training_order(datamodule: TableDataModule, epoch: int, batch_size: int, seed: int) -> Tensor:
    """Return which images an epoch's batches consist of, [N] rows of the table."""
    rows = torch.from_numpy(datamodule.rows("train"))
    rng = keyed_generator("cpu", seed, Purpose.JUDGE_ORDER, epoch)
    shuffled = rows[torch.randperm(len(rows), generator=rng)]
    if len(rows) % batch_size == 1 and len(rows) > batch_size:
        shuffled = shuffled[:-1]  # batch norm cannot learn from one image
    return shuffled


def count_batches(datamodule: TableDataModule, split: str, batch_size: int = QUERY_BATCH) -> int:
    """Return the number of batches in a pass over a split."""
    full, left = divmod(len(datamodule.rows(split)), batch_size)
    return full + (left > 0 and not (split == "train" and full and left == 1))
