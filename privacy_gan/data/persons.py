"""Which images show the same person, from CelebA's list of identities.

Images of the same person are similar. Splits that are made here never share a person, and the judge
counts persons, not images, when it says how uncertain a number is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.data.matching import file_key
from privacy_gan.data.name_values import read_name_values
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

IDENTITIES = "identity_CelebA"
NUMBER = re.compile(r"[0-9]{1,18}")  # fits 64 bits

Ids = npt.NDArray[np.int64]


def read_identities(path: Path, names: Sequence[str]) -> tuple[Ids, list[str]]:
    """Read CelebA's list of identities: an image name and the number of its person on each line.

    Args:
        path: the list; it may have more images.
        names: image names, all different.

    Returns:
        The person in each image, [N], and warnings, one line each. Images that the list lacks get
        separate ids, which are negative.

    Raises:
        UserError: the file is not such a list, is damaged, or has none of the images.
    """
    try:
        numbers = read_name_values(path)
        _check_numbers(path, numbers)
        found = _find(path, names, numbers)
        if not found:
            raise UserError(
                f"{path} has none of the {pluralize(len(names), 'image')}, such as {names[0]}"
            )
    except UserError as error:
        raise UserError(
            f"{error}; replace the file, or remove it, which takes images as independent"
        ) from error
    ids = -1 - np.arange(len(names), dtype=np.int64)
    ids[list(found)] = [int(text) for text in found.values()]
    missing = [name for row, name in enumerate(names) if row not in found]
    if not missing:
        return ids, []
    return ids, [
        f"{path} lacks {len(missing):,} of {pluralize(len(names), 'image')}, such as "
        f"{missing[0]}: each of them counts as another person"
    ]


def number_persons(ids: npt.ArrayLike) -> Ids:
    """Number ids (numbers or texts) from 0 in the order of their first images, int64 [N]."""
    _, first, index = np.unique(np.asarray(ids), return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int64)
    numbers[np.argsort(first)] = np.arange(len(first))
    return numbers[index]


def shared_persons_note(ids: npt.ArrayLike, splits: npt.NDArray[np.uint8]) -> list[str]:
    """Return a warning if persons have images in several splits.

    Args:
        ids: the person in each image, [N].
        splits: the split of each image, [N].
    """
    _, person = np.unique(np.asarray(ids), return_inverse=True)
    pairs = np.unique(np.column_stack([person, splits]), axis=0)
    in_splits = np.bincount(pairs[:, 0])
    shared = int((in_splits > 1).sum())
    if not shared:
        return []
    return [
        f"{shared:,} of {pluralize(len(in_splits), 'person')} have images in several splits: an "
        "adversary that recognizes a person need not see the attribute"
    ]


def _find(path: Path, names: Sequence[str], numbers: dict[str, str]) -> dict[int, str]:
    """Return the number of each image that the list has, by the index of its name.

    Names may differ in folders and suffixes.
    """
    if all(name in numbers for name in names):
        return {row: numbers[name] for row, name in enumerate(names)}
    by_key: dict[str, str] = {}
    for name, text in numbers.items():
        if by_key.setdefault(file_key(name), text) != text:
            raise UserError(f"{path} has two values for {file_key(name)}")
    found = {row: by_key.get(file_key(name)) for row, name in enumerate(names)}
    return {row: text for row, text in found.items() if text is not None}


def _check_numbers(path: Path, numbers: dict[str, str]) -> None:
    for name, text in numbers.items():
        if NUMBER.fullmatch(text) is None:
            raise UserError(
                f"{path} is damaged: {name} has the value {text!r} instead of a person's number"
            )
