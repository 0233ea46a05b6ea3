"""Splits into training, validation and test images: given ones, and stratified ones made here.

A split that is made here has about the same share of each class of each attribute. All images of a
person are in one split, since an adversary could recognize the person instead of the attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from privacy_gan.attributes import UNKNOWN
from privacy_gan.data.text_tables import SPLIT_WORDS, normalize
from privacy_gan.errors import UserError

TRAIN, VALID, TEST = range(3)
NAMES = ("train", "valid", "test")
FRACTIONS = (0.8, 0.1, 0.1)
STREAM = 12  # of random numbers; so that a split does not depend on what else is drawn
TRAIN_WORDS = {word for word, split in SPLIT_WORDS.items() if split == TRAIN}
SPLIT_COLUMNS = ("split", "partition")  # columns of these names are splits
SIGNIFICANT_DIGITS = 9  # of scores, so that the last bits of a sum decide nothing

Splits = npt.NDArray[np.uint8]


def parse_splits(texts: Sequence[str], option: str) -> Splits:
    """Convert split names to splits, uint8 [N]: 0 train, 1 valid, 2 test.

    Raises:
        UserError: a text is not the name or number of a split.
    """
    unknown = sorted({text for text in texts if normalize(text) not in SPLIT_WORDS})
    if unknown:
        raise UserError(f"{option} has the value {unknown[0]!r}: use train, valid and test")
    return np.array([SPLIT_WORDS[normalize(text)] for text in texts], np.uint8)


def find_split_column(columns: dict[str, tuple[str, ...]]) -> str | None:
    """Return the column that is named like a split and has words for splits, or None.

    If it has other words next to one for training, reading the splits raises an error.
    """
    for name, texts in columns.items():
        words = {normalize(text) for text in set(texts)}
        is_split = bool(words & TRAIN_WORDS) or words <= SPLIT_WORDS.keys()
        if normalize(name) in SPLIT_COLUMNS and is_split:
            return name
    return None


def require_training_images(splits: Splits, option: str) -> None:
    """Require training images among given splits.

    Raises:
        UserError: there are none.
    """
    if TRAIN not in splits:
        names = " and ".join(NAMES[split] for split in np.unique(splits))
        raise UserError(
            f"{option} has no training images, only {names}: call those to learn from train"
        )


def complete_splits(
    splits: Splits, attributes: npt.NDArray[np.uint8], persons: npt.ArrayLike | None, seed: int
) -> tuple[Splits, list[str]]:
    """Return given splits with those that are missing made from the training images.

    Args:
        splits: the given ones, [N], with training images.
        attributes: see ``stratified_splits``, as the other arguments.
        persons: the person in each image.
        seed: seed of the choice.

    Returns:
        The splits, [N], and lines that say what was made of what.

    """
    given = set(np.unique(splits).tolist())
    if given == {TRAIN, VALID, TEST}:
        return splits, []
    ids = None if persons is None else np.asarray(persons)
    if given == {TRAIN}:
        return stratified_splits(attributes, ids, seed), [
            "all images are given as training images: 10% of them became validation images, and "
            "10% test images"
        ]
    completed = np.where(splits == TRAIN, TRAIN, TEST).astype(np.uint8)
    rows = np.flatnonzero(splits == TRAIN)
    chosen = stratified_splits(attributes[rows], None if ids is None else ids[rows], seed, (9, 1))
    completed[rows] = chosen  # 0 and 1 are train and valid
    notes = ["there are no validation images: 10% of the training images became some"]
    if VALID in given:
        notes = [
            "there are no test images: the validation images are the test images, and 10% of the "
            "training images became validation images"
        ]
    return completed, notes


def stratified_splits(
    attributes: npt.NDArray[np.uint8],
    persons: npt.ArrayLike | None,
    seed: int,
    shares: Sequence[float] = FRACTIONS,
) -> Splits:
    """Split images at random so that each class has about the same share in each split.

    Persons, or images if the persons are not known, are assigned one after another to the split
    that lacks their classes most, beginning with those that have the largest part of a class
    (iterative stratification; Sechidis et al., 2011). Hence every class with enough images is in
    every split.

    Args:
        attributes: the class of each image in each attribute, [N, A], or ``UNKNOWN``.
        persons: the person in each image, [N], any ids; None if that is not known.
        seed: seed of the order.
        shares: relative sizes of the splits.

    Returns:
        The split of each image, uint8 [N], numbered from 0.
    """
    images = len(attributes)
    unit = np.arange(images)
    if persons is not None:
        _, unit = np.unique(np.asarray(persons), return_inverse=True)
    counts = count_classes(attributes, unit)
    totals = counts.sum(axis=0)
    parts = counts / totals
    fractions = np.asarray(shares, float) / sum(shares)
    lacking = np.ones((len(fractions), len(totals)))  # relative to the class's share of each split
    rng = np.random.default_rng([seed, STREAM])
    order = rng.permutation(len(counts))
    order = order[np.argsort(-parts[order].max(axis=1), kind="stable")]
    split = np.empty(len(counts), np.uint8)
    for index in order:
        part = parts[index]
        scores = np.round((lacking * part).sum(axis=1) / part.sum(), SIGNIFICANT_DIGITS)
        split[index] = best = int(scores.argmax())
        lacking[best] -= part / fractions[best]
    return split[unit]


def count_classes(
    attributes: npt.NDArray[np.uint8], unit: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the number of images of each class, and of all, of each person or image, [U, K]."""
    columns = [np.ones(len(attributes))]
    for column in attributes.T:
        columns += [column == value for value in np.unique(column[column != UNKNOWN])]
    units = int(unit.max()) + 1
    return np.stack([np.bincount(unit, column, units) for column in columns], axis=1)
