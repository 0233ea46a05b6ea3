"""Images that a source censored once, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from privacy_gan.attributes import DataAttributes
from privacy_gan.data.batch import from_labels
from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.release_format import to_uint8
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.evaluation.source import QUERY_BATCH, CensoredBatch, CensoredSource


class CensoredOnce(TableDataModule):
    """A data set of censored images, whose persons are not known.

    Args:
        datamodule: the data set that was censored.
        table: the censored images with their attributes, including a categorical one.
    """

    def __init__(self, datamodule: TableDataModule, table: ImageTable) -> None:
        super().__init__(datamodule.batch_size, datamodule.seed)
        self.original = datamodule
        self.viewable = datamodule.viewable
        self.group = datamodule.group
        self._table = table

    @property
    def data_name(self) -> str:
        """Name of the data set that was censored."""
        return self.original.data_name

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of its attributes."""
        return self.original.attribute_names

    def known_attributes(self) -> DataAttributes:
        """Return its attributes."""
        return self.original.known_attributes()

    def content_key(self) -> str:
        """Return the key of the data set that was censored."""
        return self.original.content_key()

    def open_table(self) -> ImageTable:
        """Return the table."""
        return self.table

    def with_table(self, table: ImageTable) -> Self:
        """Return a data module with other images or labels."""
        return type(self)(self.original, table)


def censor_once(source: CensoredSource, limit: int, seed: int) -> CensoredOnce:
    """Censor at most ``limit`` images of each split and keep them in memory.

    Args:
        source: source of the images.
        limit: number of images.
        seed: seed of the choice of training images and of the mechanism's noise.

    Raises:
        UserError: a censored image is not finite.
    """
    datamodule = source.datamodule
    passes = {
        "train": source.training_epoch(0, QUERY_BATCH, seed),
        "valid": source.query("valid", 0, seed),
        "test": source.query("test", 0, seed),
    }
    found = {split: read_images(passes[split], limit, datamodule.viewable) for split in SPLITS}
    counts = [len(images) for images, _ in found.values()]
    table = ImageTable(
        torch.cat([images for images, _ in found.values()]).numpy(),
        torch.cat([attributes for _, attributes in found.values()]).numpy(),
        np.repeat(np.array(list(SPLITS.values()), np.uint8), counts),
        datamodule.attribute_names,
        "",
    )
    return CensoredOnce(datamodule, table)


def read_images(
    batches: Iterator[CensoredBatch], limit: int, viewable: bool
) -> tuple[Tensor, Tensor]:
    """Return the first images [N, H, W, C], uint8 if they are viewable, and attributes [N, A]."""
    images: list[Tensor] = []
    attributes: list[Tensor] = []
    count = 0
    for batch in batches:
        part = batch.images[: limit - count].permute(0, 2, 3, 1)
        images.append((to_uint8(part) if viewable else part.float()).cpu())
        attributes.append(from_labels(batch.attributes[: len(part)]).cpu())
        count += len(part)
        if count == limit:
            break
    return torch.cat(images), torch.cat(attributes)


def permute_labels(data: CensoredOnce, attribute: str, seed: int) -> CensoredOnce:
    """Return the same images with an attribute's labels permuted at random within each split.

    The attribute is then independent of the images, and the frequencies of its values are the same.

    Args:
        data: the images.
        attribute: name of the attribute.
        seed: seed of the permutation.
    """
    attributes = data.table.attributes.copy()
    rng = np.random.default_rng(seed)
    for split in SPLITS:
        rows = data.rows(split)
        attributes[rows, data.column(attribute)] = rng.permutation(
            attributes[rows, data.column(attribute)]
        )
    return data.with_table(replace(data.table, attributes=attributes))
