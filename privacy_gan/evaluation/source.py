"""Sources of censored batches for adversaries and classifiers: a mechanism, or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from io import BytesIO
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privacy_gan.data.release_format import FLOAT, PNG, ReleaseFormat, to_picture, to_uint8
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.identity import Identity
from privacy_gan.randomness import Purpose, keyed_generator

SPLIT_NUMBERS = {"valid": 0, "test": 1}
QUERY_BATCH = 256  # images per batch outside training, where larger batches are faster


class CensoredBatch(NamedTuple):
    """A batch of censored images with their originals and labels.

    An adversary predicts from ``images`` alone. In training, where it censors its own images, it
    also has ``original`` and the labels.

    Attributes:
        images: x'' or x', [B, C, H, W].
        original: x, [B, C, H, W].
        attributes: true attributes [B, A] int64.
        synthetic: s' [B], or None if the mechanism inserts none.
    """

    images: Tensor
    original: Tensor
    attributes: Tensor
    synthetic: Tensor | None


class CensoredSource(Protocol):
    """A source of a data set's images, censored.

    Attributes:
        datamodule: the data set, set up.
        compute: device of the batches and precision of the networks.
        deterministic: whether an image is censored in the same way each time, or only once, so that
            there are no further queries.
        has_originals: whether the uncensored images are known. If not, a batch's ``original`` is
            the censored image itself.
    """

    datamodule: TableDataModule
    compute: Compute
    deterministic: bool
    has_originals: bool

    def training_epoch(
        self, epoch: int, batch_size: int, seed: int, start: int = 0
    ) -> Iterator[CensoredBatch]:
        """Yield the training split from a batch on; epoch and seed key the order and the noise."""

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """Yield a split in order, QUERY_BATCH images at a time, with noise keyed by the query."""

    def with_datamodule(self, datamodule: TableDataModule) -> Self:
        """Return a source of the same images in other splits, see ``with_splits``."""


class MechanismSource:
    """Applies a mechanism to a data set; all noise is keyed by the seed.

    Args:
        privatizer: the mechanism.
        datamodule: the data set, set up.
        compute: device and precision.
    """

    has_originals = True

    def __init__(
        self, privatizer: Privatizer, datamodule: TableDataModule, compute: Compute
    ) -> None:
        self.privatizer = privatizer.to(compute.device).eval()
        self.datamodule = datamodule
        self.compute = compute
        self.deterministic = privatizer.deterministic or privatizer.single_release

    def training_epoch(
        self, epoch: int, batch_size: int, seed: int, start: int = 0
    ) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = training_order(self.datamodule, epoch, batch_size, seed)
        yield from self._censor(rows, batch_size, start, seed, Purpose.JUDGE_TRAIN, epoch)

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = torch.from_numpy(self.datamodule.rows(split))
        key = (Purpose.JUDGE_SCORE, SPLIT_NUMBERS[split], number)
        yield from self._censor(rows, QUERY_BATCH, 0, seed, *key)

    def with_datamodule(self, datamodule: TableDataModule) -> Self:
        """See CensoredSource."""
        changed = copy(self)
        changed.datamodule = datamodule
        return changed

    def _censor(
        self,
        rows: Tensor,
        batch_size: int,
        start: int,
        seed: int,
        purpose: Purpose,
        *counters: int,
    ) -> Iterator[CensoredBatch]:
        device = self.compute.device
        for index, chunk in enumerate(torch.split(rows, batch_size)[start:], start):
            batch = self.datamodule.gather(chunk, device)
            rng = keyed_generator(device, seed, purpose, *counters, index)
            with torch.no_grad(), self.compute.autocast():
                images, synthetic = self.privatizer.privatize(batch.images, rng)
            yield CensoredBatch(images, batch.images, batch.attributes, synthetic)


class FolderSource:
    """Serves censored images from files, with their originals if these are known.

    Args:
        censored: the censored images, set up.
        originals: the same images uncensored, in the same order and with the same labels, set up;
            or None.
        compute: device of the batches and precision of the networks.
    """

    deterministic = True

    def __init__(
        self, censored: TableDataModule, originals: TableDataModule | None, compute: Compute
    ) -> None:
        self.censored = censored
        self.has_originals = originals is not None
        self.datamodule = originals or censored
        self.compute = compute

    def training_epoch(
        self, epoch: int, batch_size: int, seed: int, start: int = 0
    ) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        rows = training_order(self.datamodule, epoch, batch_size, seed)
        yield from map(self._batch, torch.split(rows, batch_size)[start:])

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource; every query returns the same images."""
        del number, seed
        rows = torch.from_numpy(self.datamodule.rows(split))
        yield from map(self._batch, torch.split(rows, QUERY_BATCH))

    def with_datamodule(self, datamodule: TableDataModule) -> Self:
        """See CensoredSource."""
        changed = copy(self)
        changed.datamodule = datamodule
        return changed

    def _batch(self, rows: Tensor) -> CensoredBatch:
        images, attributes = self.censored.gather(rows, self.compute.device)
        original = images
        if self.has_originals:
            original = self.datamodule.gather(rows, self.compute.device).images
        return CensoredBatch(images, original, attributes, None)


class FileFormatSource:
    """Another source's images after a round trip through a file format.

    Args:
        source: source of the images.
        file_format: format of the files.
    """

    def __init__(self, source: CensoredSource, file_format: ReleaseFormat) -> None:
        self.source = source
        self.file_format = file_format
        self.datamodule = source.datamodule
        self.compute = source.compute
        self.deterministic = source.deterministic
        self.has_originals = source.has_originals

    def training_epoch(
        self, epoch: int, batch_size: int, seed: int, start: int = 0
    ) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        yield from map(self._convert, self.source.training_epoch(epoch, batch_size, seed, start))

    def query(self, split: str, number: int, seed: int) -> Iterator[CensoredBatch]:
        """See CensoredSource."""
        yield from map(self._convert, self.source.query(split, number, seed))

    def with_datamodule(self, datamodule: TableDataModule) -> Self:
        """See CensoredSource."""
        return type(self)(self.source.with_datamodule(datamodule), self.file_format)

    def _convert(self, batch: CensoredBatch) -> CensoredBatch:
        return batch._replace(images=round_trip(batch.images, self.file_format))


def apply_file_format(source: CensoredSource, name: str) -> CensoredSource:
    """Return a source of the images, converted to a file format; "float" changes nothing.

    Raises:
        UserError: the format is unknown.
    """
    return source if name == FLOAT else FileFormatSource(source, ReleaseFormat.parse(name))


def round_trip(images: Tensor, file_format: ReleaseFormat) -> Tensor:
    """Encode images [B, C, H, W] in [0, 1] as files and decode them again."""
    pixels = to_uint8(images)
    if file_format.name != PNG:  # which is lossless after rounding
        files = [
            file_format.encode(to_picture(image))
            for image in pixels.permute(0, 2, 3, 1).cpu().numpy()
        ]
        decoded = np.stack([np.asarray(Image.open(BytesIO(file))) for file in files])
        channels_last = decoded.reshape(*decoded.shape[:3], -1)  # a grey picture has none
        pixels = torch.from_numpy(channels_last).to(images.device).permute(0, 3, 1, 2)
    return pixels.to(images.dtype) / 255


def original_images(datamodule: TableDataModule, compute: Compute) -> MechanismSource:
    """Return a source of the uncensored images."""
    return MechanismSource(Identity(), datamodule, compute)


def training_order(datamodule: TableDataModule, epoch: int, batch_size: int, seed: int) -> Tensor:
    """Return the rows of the table in an epoch's order, [N]."""
    rows = torch.from_numpy(datamodule.rows("train"))
    rng = keyed_generator("cpu", seed, Purpose.JUDGE_ORDER, epoch)
    shuffled = rows[torch.randperm(len(rows), generator=rng)]
    if len(rows) % batch_size == 1 and len(rows) > batch_size:
        shuffled = shuffled[:-1]  # batch norm needs more than one image
    return shuffled


def count_batches(datamodule: TableDataModule, split: str, batch_size: int = QUERY_BATCH) -> int:
    """Return the number of batches in a pass over a split."""
    full, remainder = divmod(len(datamodule.rows(split)), batch_size)
    return full + (remainder > 0 and not (split == "train" and full and remainder == 1))
