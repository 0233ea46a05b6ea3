"""Random subsets of the training images, each of which contains the smaller ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from privacy_gan.data.table_data_module import EXCLUDED, SPLITS, TableDataModule
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.randomness import Purpose, keyed_generator

Rows = npt.NDArray[np.int64]


def nested_blocks(datamodule: TableDataModule, shares: Sequence[float], seed: int) -> list[Rows]:
    """Divide the training images at random into blocks; the first k together are a share of all.

    Where the data name persons, no two blocks show the same person, and the shares are the nearest
    that this allows.

    Args:
        datamodule: the data set, set up.
        shares: shares of the training images in ascending order, between 0 and 1.
        seed: seed of the order.

    Returns:
        Rows of the table in ascending order, one block for each share and one for the rest.
    """
    rows = datamodule.rows("train")
    persons = datamodule.persons("train")
    units = np.arange(len(rows)) if persons is None else person_indices(persons.numpy())
    counts = np.bincount(units)
    rng = keyed_generator("cpu", seed, Purpose.DATA_SCALING)
    order = torch.randperm(len(counts), generator=rng).numpy()
    images = np.concatenate([[0], np.cumsum(counts[order])])  # in the first units of the order
    cuts = [int(np.abs(images - share * len(rows)).argmin()) for share in shares]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    block = np.searchsorted(cuts, rank[units], side="right")
    return [rows[block == number] for number in range(len(shares) + 1)]


def person_indices(persons: Rows) -> Rows:
    """Return ids [N] of persons as indices from 0 without gaps, [N]."""
    _, indices = np.unique(persons, return_inverse=True)
    return indices.astype(np.int64)


def restrict(source: CensoredSource, split: str, rows: Rows) -> CensoredSource:
    """Return a source in which a split has these rows alone.

    The other rows of the split are left out, and rows that were in another split leave it.

    Args:
        source: source of the images.
        split: "train", "valid" or "test".
        rows: rows of the table.
    """
    splits = source.datamodule.table.splits
    changed = np.where(splits == SPLITS[split], np.uint8(EXCLUDED), splits)
    changed[rows] = SPLITS[split]
    return source.with_datamodule(source.datamodule.with_splits(changed))
