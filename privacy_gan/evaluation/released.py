"""Censored images as adversaries get them: read from the files in which they are handed out."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privacy_gan.data.release_format import FLOAT, PNG, ReleaseFormat, rounded
from privacy_gan.evaluation.source import CensoredBatch, CensoredSource


class ReleasedSource:
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
        return batch._replace(images=read_back(batch.images, self.form))


def as_released(source: CensoredSource, name: str) -> CensoredSource:
    """Return a source's images as files of a format hold them, or as they are for "float".

    Raises:
        UserError: there is no such format.
    """
    return source if name == FLOAT else ReleasedSource(source, ReleaseFormat.of(name))


def read_back(images: Tensor, form: ReleaseFormat) -> Tensor:
    """Return images [B, 3, H, W] in [0, 1] as they are read from files of a format."""
    pixels = rounded(images)
    if form.name != PNG:  # which loses nothing that is left after rounding
        files = [
            form.encode(Image.fromarray(image))
            for image in pixels.permute(0, 2, 3, 1).cpu().numpy()
        ]
        read = np.stack([np.asarray(Image.open(BytesIO(file))) for file in files])
        pixels = torch.from_numpy(read).to(images.device).permute(0, 3, 1, 2)
    return pixels.to(images.dtype) / 255
