"""The persons in the images of an evaluation: the units that intervals are about."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from privacy_gan.data.persons import number_persons
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.runs.person_ids import pack_persons

MIN_PERSONS = 30  # intervals over 5 to 30 clusters are too narrow (Cameron et al., 2008)


def resampled_persons(datamodule: TableDataModule) -> Tensor | None:
    """Return the persons of the test images, [N]; None if unknown, or if there is only one.

    One person says nothing about how much persons differ.
    """
    persons = datamodule.persons("test")
    return None if persons is None or _count(persons) < 2 else persons


def count_persons(datamodule: TableDataModule) -> dict[str, int]:
    """Return the number of persons in each split; empty if the data name no persons."""
    by_split = {split: datamodule.persons(split) for split in SPLITS}
    return {split: _count(persons) for split, persons in by_split.items() if persons is not None}


def pack_test_persons(datamodule: TableDataModule) -> str:
    """Return the persons in the test images, see ``pack_persons``; "" if they are not known."""
    persons = datamodule.persons("test")
    return "" if persons is None else pack_persons(persons.numpy())


def persons_key(datamodule: TableDataModule) -> str:
    """Return a hash of the persons in all images; "" if they are not known.

    A judgement depends on them: adversaries are compared, and intervals computed, over persons.
    """
    digest = hashlib.sha256()
    for split in SPLITS:
        persons = datamodule.persons(split)
        if persons is None:
            return ""
        digest.update(number_persons(persons.numpy()).tobytes())
    return digest.hexdigest()[:16]


def few_persons_warnings(datamodule: TableDataModule) -> list[str]:
    """Return a warning if the intervals are those of a few persons."""
    persons = count_persons(datamodule).get("test", MIN_PERSONS)
    if persons >= MIN_PERSONS:
        return []
    if persons == 1:
        return [
            "all test images show the same person: the intervals take images as independent and "
            "say nothing about other persons"
        ]
    return [
        f"the test images show only {persons} persons: intervals over fewer than {MIN_PERSONS} "
        "persons tend to be too narrow"
    ]


def _count(persons: Tensor) -> int:
    return int(torch.unique(persons).numel())
