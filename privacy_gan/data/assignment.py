"""The person in each labelled image, and the split that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from privacy_gan.data.columns import MAX_CLASSES
from privacy_gan.data.labels import Labels
from privacy_gan.data.persons import IDENTITIES, read_identities
from privacy_gan.data.splits import (
    NAMES,
    Splits,
    complete_splits,
    find_split_column,
    parse_splits,
    require_training_images,
    stratified_splits,
)
from privacy_gan.data.text_tables import MISSING_VALUES, normalize

CELEBA_LIST = "list_attr_celeba"
GIVEN, MADE = "given", "made here, stratified"
COMPLETED = "given, and what was missing made here"
PERSON_WORDS = ("person", "subject", "patient", "identity", "celeb", "individual", "speaker")


@dataclass(frozen=True)
class Assignment:
    """Labels with persons and splits.

    Attributes:
        labels: without the columns of persons and splits.
        persons: a text for the person in each image, [N]; None if that is not known.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        origin: where the splits come from, in words; ``GIVEN`` if none was made here.
        notes: lines about both.
    """

    labels: Labels
    persons: tuple[str, ...] | None
    splits: Splits
    origin: str
    notes: tuple[str, ...]


def assign(labels: Labels, split: str | None, person: str | None, seed: int) -> Assignment:
    """Read persons and splits, and make splits that are not given.

    Args:
        labels: of the images.
        split: column of the labels, or file, with the split of each image; None for a column named
            split or partition, and without one for stratified splits of 80%, 10% and 10%.
        person: column or file with the person in each image; None for CelebA's list of identities
            next to CelebA's list of attributes, if there is one.
        seed: seed of splits that are made here.

    Raises:
        UserError: a column or file is missing or damaged, or lacks images.
    """
    notes: list[str] = []
    if person is not None:
        persons: tuple[str, ...] | None = labels.read_values(f"{labels.prefix}person", person)
    else:
        persons, notes = persons_of_celeba(labels)
    if split is None and (column := find_split_column(labels.columns)) is not None:
        where = "the folder" if labels.path.is_dir() else f"the column {column}"
        notes.append(f"the splits are those of {where} ({labels.prefix}split)")
        split = column
    if persons is None and (column := find_person_column(labels.columns)) is not None:
        option = f"{labels.prefix}person={column}"
        notes.append(
            f"images count as independent: if {column} says which person an image shows, give "
            f"{option}, so that no person is in two splits"
        )
    names = [labels.find_column(source) for source in (split, person) if source]
    remaining = labels.drop_columns(names)
    # bins and missing values must not move an image from training to tests
    attributes = replace(remaining, bins={}, missing=MISSING_VALUES).attributes()
    if split is None:
        splits = stratified_splits(attributes, persons, seed)
        return Assignment(remaining, persons, splits, MADE, tuple(notes))
    option = f"{labels.prefix}split"
    given = parse_splits(labels.read_values(option, split), f"{option}={split}")
    require_training_images(given, f"{option}={split}")
    notes += divided_person_note(persons, given)
    splits, completed = complete_splits(given, attributes, persons, seed)
    origin = COMPLETED if completed else GIVEN
    return Assignment(remaining, persons, splits, origin, (*notes, *completed))


def find_person_column(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Return a column that is named like persons and has more values than an attribute, or None."""
    for name, texts in columns.items():
        is_named = any(word in normalize(name) for word in PERSON_WORDS)
        if is_named and len(set(texts)) > MAX_CLASSES:
            return name
    return None


def divided_person_note(persons: tuple[str, ...] | None, splits: Splits) -> list[str]:
    """Return a line if a person has images in several of the given splits; it names one."""
    first: dict[str, int] = {}
    for person, split in zip(persons or (), splits.tolist(), strict=False):
        if (other := first.setdefault(person, split)) != split:
            return [
                f"persons have images in several of the given splits, such as {person} in "
                f"{NAMES[other]} and {NAMES[split]}: give each person's images one split"
            ]
    return []


def persons_of_celeba(labels: Labels) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return the person in each image from CelebA's list of identities, and warnings.

    None if the labels are not CelebA's list of attributes, or have no such list next to them.

    Raises:
        UserError: the list is damaged.
    """
    if labels.path.stem != CELEBA_LIST:
        return None, []
    lists = (labels.path.with_name(f"{IDENTITIES}{suffix}") for suffix in (".txt", ".csv"))
    path = next((path for path in lists if path.is_file()), None)
    if path is None:
        return None, []
    ids, notes = read_identities(path, labels.names)
    return tuple(map(str, ids)), notes
