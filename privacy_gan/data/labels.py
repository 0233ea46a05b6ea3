"""Read image labels from a table, and assign images to splits."""

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
from privacy_gan.data.name_values import read_name_values
from privacy_gan.data.text_tables import (
    SPLIT_WORDS,
    TextTable,
    declared_count_note,
    encode_binary,
    is_binary,
    is_missing,
    normalize,
    read_table,
)
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize
from privacy_gan.randomness import Purpose, keyed_seed

SPLIT_FRACTIONS = (0.8, 0.1)  # of training and validation images; the rest are test images


@dataclass(frozen=True)
class Labels:
    """A table of labels with one row per image.

    Attributes:
        path: the table's file.
        names: image file names [N], as in the table.
        columns: texts [N] by column name.
        notes: warnings about the file, one line each.
    """

    path: Path
    names: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @cached_property
    def distinct_values(self) -> dict[str, frozenset[str]]:
        """The distinct texts of each column."""
        return {name: frozenset(texts) for name, texts in self.columns.items()}

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Binary columns without missing values, in the file's order."""
        return tuple(
            name
            for name, values in self.distinct_values.items()
            if is_binary(values) and not any(map(is_missing, values))
        )

    def attributes(self) -> npt.NDArray[np.uint8]:
        """Return the attributes, uint8 [N, A] in {0, 1}."""
        values = [encode_binary(self.columns[name]) for name in self.attribute_names]
        return np.stack(values, axis=1) if values else np.empty((len(self.names), 0), np.uint8)

    def select_rows(self, rows: Sequence[int]) -> Labels:
        """Return the labels of the images in these rows."""
        return Labels(
            self.path,
            tuple(self.names[row] for row in rows),
            {name: tuple(texts[row] for row in rows) for name, texts in self.columns.items()},
            self.notes,
        )

    def drop_columns(self, columns: Collection[str | None]) -> Labels:
        """Return the labels without these columns."""
        remaining = {name: texts for name, texts in self.columns.items() if name not in columns}
        return Labels(self.path, self.names, remaining, self.notes)

    def find_attribute_column(self, word: str) -> str:
        """Return the name of the binary column that a word means.

        Raises:
            UserError: there is no such column, or it is not binary.
        """
        binary = [name for name, values in self.distinct_values.items() if is_binary(values)]
        column = self.find_column(word)
        if column is not None and column not in binary:
            raise UserError(
                f"column {column} of {self.path} has the values "
                f"{format_sample(self.distinct_values[column])}: write 1 for images with the "
                "attribute and 0 for images without it"
            )
        if not binary:
            raise UserError(
                f"{self.path} has no column with only 1 and 0, or yes and no: its columns are "
                f"{', '.join(list(self.columns)[:50])}"
            )
        return find_attribute(word, binary)

    def find_column(self, name: str) -> str | None:
        """Return the column with this name, ignoring case, or None."""
        if name in self.columns:
            return name
        return next((each for each in self.columns if normalize(each) == normalize(name)), None)

    def excluded_columns(self) -> list[str]:
        """Return lines that say which columns are not attributes, and why."""
        lines = []
        for name, texts in self.columns.items():
            missing = [row for row, text in enumerate(texts) if is_missing(text)]
            if missing and is_binary(self.distinct_values[name]):
                lines.append(
                    f"{name} is not measured: it has no value for {len(missing):,} of "
                    f"{len(self.names):,} images, such as {self.names[missing[0]]}"
                )
        others = [name for name, values in self.distinct_values.items() if not is_binary(values)]
        if others:
            examples = ", ".join(
                f"{name} ({format_sample(self.distinct_values[name], 2)})" for name in others[:10]
            )
            lines.append(
                "columns with values other than yes and no are not measured: "
                + examples
                + (f" and {len(others) - 10} more" if len(others) > 10 else "")
            )
        return lines

    def read_values(self, option: str, source: str) -> tuple[str, ...]:
        """Return a value for each image, [N], from a column of the table or from another file.

        Args:
            option: name of the option, for messages.
            source: name of a column; or path of a file with an image name and a value on each
                line, such as CelebA's list_eval_partition.txt.

        Raises:
            UserError: the source is neither, or some images have no value.
        """
        column = self.find_column(source)
        if column is not None:
            values = dict(enumerate(self.columns[column]))
        elif Path(source).is_file():
            by_name = read_name_values(Path(source))
            matches = match_names(self.names, by_name, f"{option}={source}")
            values = {row: by_name[name] for row, name in matches.files.items()}
        else:
            raise UserError(
                f"{option}={source} is neither a file nor a column of {self.path}, which has "
                f"{', '.join(list(self.columns)[:50])}"
            )
        texts = tuple(values.get(row, "") for row in range(len(self.names)))
        if missing := [row for row, text in enumerate(texts) if is_missing(text)]:
            raise UserError(
                f"{option}={source} has no value for {len(missing):,} of {len(self.names):,} "
                f"images, such as {self.names[missing[0]]}"
            )
        return texts


def format_sample(texts: Collection[str], count: int = 3) -> str:
    """Return the first few distinct texts, separated by commas."""
    distinct = sorted(set(texts))
    return ", ".join(distinct[:count]) + (", ..." if len(distinct) > count else "")


def read_labels(path: Path, files: Collection[str] = ()) -> Labels:
    """Read a table of labels, such as a CSV file or CelebA's list_attr_celeba.txt.

    Args:
        path: the table's file.
        files: image files; the column that contains most of them is taken as the image names.

    Raises:
        UserError: the file is missing, damaged or empty, or has contradictory rows for an image.
    """
    if not path.is_file():
        raise UserError(
            f"labels={path} is not a file: give a CSV file or CelebA's list of attributes"
        )
    table = read_table(path)
    if table.columns is None:
        raise UserError(
            f"{path} begins with {' '.join(table.rows[0][:3])}, not with column names: add a first "
            "line such as image,Smiling,Male"
        )
    image_column = table.image_column(frozenset(map(file_key, files)))
    others = table.value_columns(image_column)
    titles = [table.columns[column] or f"column {column + 1}" for column in others]
    if not titles:
        raise UserError(f"{path} has only one column, {table.columns[image_column]}: add labels")
    if len(set(titles)) < len(titles):
        duplicate = Counter(titles).most_common(1)[0][0]
        raise UserError(f"{path} has two columns named {duplicate}: rename one of them")
    selected, notes = drop_duplicate_rows(table, image_column, others)
    rows = [table.rows[row] for row in selected]
    texts = {
        title: tuple(row[column] for row in rows)
        for title, column in zip(titles, others, strict=True)
    }
    if table.encoding is not None:
        notes.append(f"{path} is not in UTF-8: it was read as {table.encoding}")
    if table.declared_count is not None and table.declared_count != len(table.rows):
        notes.append(declared_count_note(path, table.declared_count, len(table.rows)))
    return Labels(path, tuple(row[image_column] for row in rows), texts, tuple(notes))


def drop_duplicate_rows(
    table: TextTable, image_column: int, others: Sequence[int]
) -> tuple[list[int], list[str]]:
    """Return the indices of rows without duplicates, and a line if there are duplicates.

    Raises:
        UserError: two rows of the same image have different values.
    """
    first: dict[str, int] = {}
    selected, duplicates = [], set()
    for row, values in enumerate(table.rows):
        name = values[image_column]
        before = first.setdefault(name, row)
        if before == row:
            selected.append(row)
            continue
        duplicates.add(name)
        for column in others:
            if normalize(values[column]) != normalize(table.rows[before][column]):
                title = table.columns[column] if table.columns else ""
                raise UserError(
                    f"{table.path} has two values of {title} for {name}: "
                    f"{table.rows[before][column]!r} in line {table.lines[before]} and "
                    f"{values[column]!r} in line {table.lines[row]}"
                )
    if not duplicates:
        return selected, []
    return selected, [
        f"ignored duplicate rows of {pluralize(len(duplicates), 'image')} in {table.path}, such as "
        f"{min(duplicates)}"
    ]


def parse_splits(texts: Sequence[str], option: str) -> npt.NDArray[np.uint8]:
    """Convert split names to splits, uint8 [N]: 0 train, 1 valid, 2 test.

    Raises:
        UserError: a text is not the name or number of a split.
    """
    unknown = sorted({text for text in texts if normalize(text) not in SPLIT_WORDS})
    if unknown:
        raise UserError(f"{option} has the value {unknown[0]!r}: use train, valid and test")
    return np.array([SPLIT_WORDS[normalize(text)] for text in texts], np.uint8)


def random_splits(people: Sequence[str], seed: int) -> npt.NDArray[np.uint8]:
    """Split images at random, keeping all images of a person in one split.

    Args:
        people: the person in each image [N]; unique texts if unknown.
        seed: seed of the split.

    Returns:
        Splits, uint8 [N]: 0 train, 1 valid, 2 test.
    """
    names, person = np.unique(np.asarray(people), return_inverse=True)
    rng = np.random.default_rng(keyed_seed(seed, Purpose.SPLIT))
    order = rng.permutation(len(names))
    counts = np.bincount(person)[order]
    before = (np.cumsum(counts) - counts) / len(person)  # fraction of images before each person
    split = np.zeros(len(names), np.uint8)
    split[order] = np.searchsorted(np.cumsum(SPLIT_FRACTIONS), before + 1e-9, side="right")
    return split[person]
