"""Labels of images in a file, and which split each image belongs to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.data.celeba_files import read_attribute_list
from privacy_gan.errors import UserError
from privacy_gan.randomness import Purpose, keyed_seed

BINARY = {"0": 0, "-1": 0, "false": 0, "no": 0, "1": 1, "true": 1, "yes": 1}
SPLIT_WORDS = {
    "0": 0,
    "train": 0,
    "training": 0,
    "1": 1,
    "valid": 1,
    "val": 1,
    "validation": 1,
    "2": 2,
    "test": 2,
}
SHARES = (0.8, 0.1)  # of training and validation images; the rest are test images


@dataclass(frozen=True)
class Labels:
    """A table with a row for each image.

    Attributes:
        path: of its file.
        names: of the images' files, with their folders.
        columns: texts [N] by column.
    """

    path: Path
    names: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The columns that hold nothing but yes and no, in the file's order."""
        return tuple(name for name, texts in self.columns.items() if set(map(plain, texts)) <= yes)

    def attributes(self) -> npt.NDArray[np.uint8]:
        """Return the attributes, uint8 [N, A] in {0, 1}."""
        values = [[BINARY[plain(t)] for t in self.columns[name]] for name in self.attribute_names]
        return np.array(values, np.uint8).T

    def rows(self, kept: Sequence[int]) -> Labels:
        """Return the labels of some images."""
        return Labels(
            self.path,
            tuple(self.names[row] for row in kept),
            {name: tuple(texts[row] for row in kept) for name, texts in self.columns.items()},
        )

    def require_binary(self, attribute: str) -> None:
        """Refuse a column that holds something else than yes and no, in words about it.

        Raises:
            UserError: names some of what it holds.
        """
        if attribute in self.columns and attribute not in self.attribute_names:
            found = sorted(set(self.columns[attribute]))
            some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            raise UserError(
                f"{self.path} has in its column {attribute} the values {some}: write 1 for images "
                "that have the attribute and 0 for those that have it not"
            )

    def texts(self, option: str, given: str) -> tuple[str, ...]:
        """Return what a column of the table, or a file of its own, says of each image, [N].

        Args:
            option: that names it.
            given: the column's name; or the path of a file with a line for each image, its name
                and what is said of it, as CelebA's list_eval_partition.txt.

        Raises:
            UserError: it is neither, or the file leaves images out.
        """
        if given in self.columns:
            return self.columns[given]
        if not Path(given).is_file():
            raise UserError(
                f"{option}={given} is neither a file nor a column of {self.path}, which has "
                f"{', '.join(list(self.columns)[:50])}"
            )
        said = read_pairs(Path(given))
        silent = [name for name in self.names if name not in said]
        if silent:
            raise UserError(
                f"{option}={given} says nothing of {len(silent)} of {len(self.names)} images, such "
                f"as {silent[0]}"
            )
        return tuple(said[name] for name in self.names)


yes = frozenset(BINARY)


def plain(text: str) -> str:
    """Return a text without blanks around it, in lower case."""
    return text.strip().lower()


def read_labels(path: Path) -> Labels:
    """Read a CSV file, whose first column names the images, or CelebA's list_attr_celeba.txt.

    Raises:
        UserError: the file is missing, damaged or empty, or names an image twice.
    """
    if not path.is_file():
        raise UserError(f"labels={path} is no file: give a CSV file or CelebA's list of attributes")
    if path.suffix.lower() != ".csv":
        listed = read_attribute_list(path)
        columns = zip(listed.columns, listed.values.T, strict=True)
        return Labels(path, listed.names, {name: tuple(map(str, of)) for name, of in columns})
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV file ({error})") from error
    except ValueError as error:
        raise UserError(f"{path} is empty") from error
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UserError(
                f"{path} has {len(row)} values in its row {number}, not {len(header)} as in its "
                "first one, which names the columns"
            )
    names = tuple(row[0] for row in rows)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path} names {twice} more than once")
    texts = zip(*(row[1:] for row in rows), strict=True)
    return Labels(path, names, dict(zip(header[1:], texts, strict=False)))


def read_pairs(path: Path) -> dict[str, str]:
    """Return what a file says of each image: a name and a word on each line.

    Raises:
        UserError: there is something else in it.
    """
    said = {}
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            name, _, word = line.strip().rpartition("," if "," in line else " ")
            if line.strip():
                if not name:
                    raise UserError(f"{path} has no name and word in its line {number}")
                said[name.strip()] = word.strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text file") from error
    return said


def splits_given(texts: Sequence[str], option: str) -> npt.NDArray[np.uint8]:
    """Return splits that somebody chose, uint8 [N], 0 train, 1 valid, 2 test.

    Raises:
        UserError: there are other words than train, valid and test, or 0, 1 and 2.
    """
    unknown = sorted({text for text in texts if plain(text) not in SPLIT_WORDS})
    if unknown:
        raise UserError(f"{option} has {unknown[0]!r}, which is none of train, valid and test")
    return np.array([SPLIT_WORDS[plain(text)] for text in texts], np.uint8)


def splits_made(people: Sequence[str], seed: int) -> npt.NDArray[np.uint8]:
    """Divide images at random, all of a person's into one split; uint8 [N] as ``splits_given``.

    Args:
        people: who each image shows, or anything that differs where nobody is known.
        seed: of the division.
    """
    names, person = np.unique(np.asarray(people), return_inverse=True)
    rng = np.random.default_rng(keyed_seed(seed, Purpose.SPLIT))
    order = rng.permutation(len(names))
    counts = np.bincount(person)[order]
    before = (np.cumsum(counts) - counts) / len(person)  # share of the images that come earlier
    split = np.zeros(len(names), np.uint8)
    split[order] = np.searchsorted(np.cumsum(SHARES), before + 1e-9, side="right")
    return split[person]
