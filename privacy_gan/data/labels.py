"""Labels of images in a file, and which split each image belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.attributes import find_attribute
from privacy_gan.data.matching import file_key, match_names
from privacy_gan.data.text_tables import (
    SPLIT_WORDS,
    TextTable,
    encode_binary,
    is_binary,
    is_missing,
    normalize,
    read_table,
)
from privacy_gan.errors import UserError
from privacy_gan.randomness import Purpose, keyed_seed

SPLIT_FRACTIONS = (0.8, 0.1)  # of training and validation images; the rest are test images


@dataclass(frozen=True)
class Labels:
    """A table with a row for each image.

    Attributes:
        path: of its file.
        names: of the images' files, as the table has them.
        columns: texts [N] by column.
        notes: what a user should know of the file, a line each.
    """

    path: Path
    names: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @cached_property
    def values(self) -> dict[str, frozenset[str]]:
        """All different texts by column."""
        return {name: frozenset(texts) for name, texts in self.columns.items()}

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The columns that say yes or no of every image, in the file's order."""
        return tuple(
            name
            for name, values in self.distinct_values.items()
            if is_binary(values) and not any(map(is_missing, values))
        )

    def attributes(self) -> npt.NDArray[np.uint8]:
        """Return the attributes, uint8 [N, A] in {0, 1}."""
        values = [encode_binary(self.columns[name]) for name in self.attribute_names]
        return np.stack(values, axis=1) if values else np.empty((len(self.names), 0), np.uint8)

    def rows(self, kept: Sequence[int]) -> Labels:
        """Return the labels of some images."""
        return Labels(
            self.path,
            tuple(self.names[row] for row in kept),
            {name: tuple(texts[row] for row in kept) for name, texts in self.columns.items()},
            self.notes,
        )

    def without(self, columns: Collection[str | None]) -> Labels:
        """Return the labels without some columns."""
        kept = {name: texts for name, texts in self.columns.items() if name not in columns}
        return Labels(self.path, self.names, kept, self.notes)

    def find_attribute_column(self, word: str) -> str:
        """Return the column that a word means, which says yes or no of images.

        Raises:
            UserError: there is none, or it holds something else than yes and no.
        """
        binary = [name for name, values in self.distinct_values.items() if is_binary(values)]
        column = self.find(word)
        if column is not None and column not in binary:
            raise UserError(
                f"{self.path} has in its column {column} the values {format_sample(self.values[column])}"
                ": write 1 for images that have the attribute and 0 for those that have it not"
            )
        if not binary:
            raise UserError(
                f"{self.path} has no column that says of each image 1 or 0, yes or no: its columns "
                f"are {', '.join(list(self.columns)[:50])}"
            )
        return find_attribute(word, binary)

    def find(self, given: str) -> str | None:
        """Return the column that is called so, whatever its capitals, or None."""
        if given in self.columns:
            return given
        return next((name for name in self.columns if normalize(name) == normalize(given)), None)

    def excluded_columns(self) -> list[str]:
        """Return why columns are no attributes, a line for each or for all of a kind."""
        lines = []
        for name, texts in self.columns.items():
            missing = [row for row, text in enumerate(texts) if is_missing(text)]
            if missing and is_binary(self.distinct_values[name]):
                lines.append(
                    f"{name} is not measured: {len(missing):,} of {len(self.names):,} images have "
                    f"no value in it, such as {self.names[missing[0]]}"
                )
        if others := [
            name for name, values in self.distinct_values.items() if not is_binary(values)
        ]:
            told = ", ".join(
                f"{name} ({format_sample(self.values[name], 2)})" for name in others[:10]
            )
            lines.append(
                "columns that say something else than yes and no are not measured: "
                + told
                + (f" and {len(others) - 10} more" if len(others) > 10 else "")
            )
        return lines

    def texts(self, option: str, given: str) -> tuple[str, ...]:
        """Return what a column of the table, or a file of its own, says of each image, [N].

        Args:
            option: that names it.
            given: the column's name; or the path of a file with a line for each image, its name
                and what is said of it, as CelebA's list_eval_partition.txt.

        Raises:
            UserError: it is neither, or says nothing of some images.
        """
        column = self.find(given)
        if column is not None:
            said = dict(enumerate(self.columns[column]))
        elif Path(given).is_file():
            words = read_name_values(Path(given))
            found = match_names(self.names, words, f"{option}={given}")
            said = {row: words[name] for row, name in found.files.items()}
        else:
            raise UserError(
                f"{option}={given} is neither a file nor a column of {self.path}, which has "
                f"{', '.join(list(self.columns)[:50])}"
            )
        texts = tuple(said.get(row, "") for row in range(len(self.names)))
        if silent := [row for row, text in enumerate(texts) if is_missing(text)]:
            raise UserError(
                f"{option}={given} says nothing of {len(silent)} of {len(self.names)} images, such "
                f"as {self.names[silent[0]]}"
            )
        return texts


def format_sample(texts: Collection[str], most: int = 3) -> str:
    """Return some of the values that texts have."""
    found = sorted(set(texts))
    return ", ".join(found[:most]) + (", ..." if len(found) > most else "")


def read_labels(path: Path, files: Collection[str] = ()) -> Labels:
    """Read a table of labels, such as a CSV file or CelebA's list_attr_celeba.txt.

    Args:
        path: of the table.
        files: of images; the column that names most of them is the one that names the images.

    Raises:
        UserError: the file is missing, damaged or empty, or says two things of an image.
    """
    if not path.is_file():
        raise UserError(f"labels={path} is no file: give a CSV file or CelebA's list of attributes")
    table = read_table(path)
    if table.columns is None:
        raise UserError(
            f"{path} begins with {' '.join(table.rows[0][:3])}, not with the names of its columns: "
            "put a line above it, such as image,Smiling,Male"
        )
    of_image = table.image_column(frozenset(map(file_key, files)))
    others = table.value_columns(of_image)
    titles = [table.columns[column] or f"column {column + 1}" for column in others]
    if not titles:
        raise UserError(f"{path} has one column alone, {table.columns[of_image]}: no labels")
    if len(set(titles)) < len(titles):
        twice = Counter(titles).most_common(1)[0][0]
        raise UserError(f"{path} has two columns that are called {twice}: rename one of them")
    kept, notes = drop_duplicate_rows(table, of_image, others)
    rows = [table.rows[row] for row in kept]
    texts = {
        title: tuple(row[column] for row in rows)
        for title, column in zip(titles, others, strict=True)
    }
    if table.encoding is not None:
        notes.append(f"{path} is not in UTF-8: it was read as {table.encoding}")
    if table.declared_count is not None and table.declared_count != len(table.rows):
        notes.append(
            f"{path} announces {table.declared_count:,} images in its first line, and "
            f"{len(table.rows):,} follow"
        )
    return Labels(path, tuple(row[of_image] for row in rows), texts, tuple(notes))


def drop_duplicate_rows(
    table: TextTable, of_image: int, others: Sequence[int]
) -> tuple[list[int], list[str]]:
    """Return the numbers of rows that are no repetition, and a line if some are.

    Raises:
        UserError: two rows say different things of an image.
    """
    first: dict[str, int] = {}
    kept, names_twice = [], set()
    for row, values in enumerate(table.rows):
        name = values[of_image]
        before = first.setdefault(name, row)
        if before == row:
            kept.append(row)
            continue
        names_twice.add(name)
        for column in others:
            if normalize(values[column]) != normalize(table.rows[before][column]):
                title = table.columns[column] if table.columns else ""
                raise UserError(
                    f"{table.path} says of {name} more than once what {title} is: "
                    f"{table.rows[before][column]!r} in line {table.lines[before]} and "
                    f"{values[column]!r} in line {table.lines[row]}"
                )
    if not names_twice:
        return kept, []
    return kept, [
        f"{len(names_twice):,} images, such as {min(names_twice)}, stand in {table.path} more than "
        "once, with the same values: they count once"
    ]


def read_name_values(path: Path) -> dict[str, str]:
    """Return what a file says of each image: a name and a word on each line.

    Raises:
        UserError: there is something else in it.
    """
    table = read_table(path)
    of_image = table.image_column()
    others = table.value_columns(of_image)
    if len(others) != 1:
        raise UserError(
            f"{path} has {len(others)} columns besides the images' names: leave one in it"
        )
    said: dict[str, str] = {}
    for row, number in zip(table.rows, table.lines, strict=True):
        name, word = row[of_image], row[others[0]]
        if said.setdefault(name, word) != word:
            raise UserError(f"{path} says two things of {name}, the second in line {number}")
    return said


def parse_splits(texts: Sequence[str], option: str) -> npt.NDArray[np.uint8]:
    """Return splits that somebody chose, uint8 [N], 0 train, 1 valid, 2 test.

    Raises:
        UserError: there are other words than train, valid and test, or 0, 1 and 2.
    """
    unknown = sorted({text for text in texts if normalize(text) not in SPLIT_WORDS})
    if unknown:
        raise UserError(f"{option} has {unknown[0]!r}, which is none of train, valid and test")
    return np.array([SPLIT_WORDS[normalize(text)] for text in texts], np.uint8)


def random_splits(people: Sequence[str], seed: int) -> npt.NDArray[np.uint8]:
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
    split[order] = np.searchsorted(np.cumsum(SPLIT_FRACTIONS), before + 1e-9, side="right")
    return split[person]
