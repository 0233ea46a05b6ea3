"""Read image labels from a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.attributes import UNKNOWN, find_attribute
from privacy_gan.data.columns import Column, UnusableColumnError, encode_column
from privacy_gan.data.matching import file_key, match_names
from privacy_gan.data.name_values import read_name_values
from privacy_gan.data.records import (
    JSON_SUFFIXES,
    PARQUET_SUFFIX,
    read_json_lines,
    read_parquet,
)
from privacy_gan.data.text_tables import (
    MISSING_VALUES,
    TextTable,
    declared_count_note,
    is_missing,
    normalize,
    read_table,
)
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize


@dataclass(frozen=True)
class Labels:
    """A table of labels with one row per image.

    Attributes:
        path: the table's file, or the folder whose subfolders are the labels.
        names: image file names [N], as in the table.
        columns: texts [N] by column name.
        notes: warnings about the file, one line each.
        missing: texts that mean that an image has no value.
        bins: for columns of numbers, the least number of each class, ascending.
        prefix: of these two options, for messages.
    """

    path: Path
    names: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    missing: frozenset[str] = MISSING_VALUES
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    prefix: str = ""

    @cached_property
    def encoded(self) -> dict[str, Column | UnusableColumnError]:
        """Each column as an attribute, or why it is none."""
        encoded: dict[str, Column | UnusableColumnError] = {}
        for name, texts in self.columns.items():
            try:
                settings = (self.missing, self.bins.get(name), self.prefix)
                encoded[name] = encode_column(name, texts, *settings)
            except UnusableColumnError as error:
                encoded[name] = error
        return encoded

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """The class names of each attribute, in the file's order."""
        return {
            name: column.classes
            for name, column in self.encoded.items()
            if isinstance(column, Column)
        }

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The columns that are attributes, in the file's order."""
        return tuple(self.classes)

    def attributes(self) -> npt.NDArray[np.uint8]:
        """Return the class of each image in each attribute, uint8 [N, A], or ``UNKNOWN``."""
        columns = [each.values for each in self.encoded.values() if isinstance(each, Column)]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.names), 0), np.uint8)

    def with_options(self, bins: object, missing: object, prefix: str) -> Labels:
        """Return the labels with the options ``bins`` and ``missing`` as the user gives them.

        ``missing`` adds to the texts that mean that there is no value.

        Raises:
            UserError: there is no such column, or an option has another form.
        """
        by_column: dict[str, Sequence[float]] = {}
        if not isinstance(bins, Mapping | None):
            raise UserError(
                f"{prefix}bins={bins} names no column: give {prefix}bins={{age: [0, 18, 40]}}"
            )
        for word, edges in (bins or {}).items():
            column = self.find_column(str(word))
            if column is None:
                raise UserError(
                    f"{prefix}bins has {word}, but {self.path} has no such column: it has "
                    f"{', '.join(list(self.columns)[:50])}"
                )
            if not isinstance(edges, Sequence) or not all(map(is_number, edges)):
                raise UserError(
                    f"{prefix}bins={{{word}: {edges}}} is not a list of numbers: give the least "
                    f"number of each class, {prefix}bins={{{word}: [0, 18, 40]}}"
                )
            by_column[column] = edges
        words = [missing] if is_scalar(missing) else missing
        if not isinstance(words, Sequence) or not all(map(is_scalar, words)):
            raise UserError(
                f"{prefix}missing={missing} is not a list of values: give {prefix}missing=[-1]"
            )
        both = self.missing | {str(word) for word in words}
        return replace(self, bins=by_column, missing=both, prefix=prefix)

    def select_rows(self, rows: Sequence[int]) -> Labels:
        """Return the labels of the images in these rows."""
        columns = {name: tuple(texts[row] for row in rows) for name, texts in self.columns.items()}
        return replace(self, names=tuple(self.names[row] for row in rows), columns=columns)

    def drop_columns(self, columns: Collection[str | None]) -> Labels:
        """Return the labels without these columns."""
        remaining = {name: texts for name, texts in self.columns.items() if name not in columns}
        return replace(self, columns=remaining)

    def find_attribute_column(self, word: str) -> str:
        """Return the name of the attribute that a word means.

        Raises:
            UserError: there is no such column, or it is not an attribute.
        """
        column = self.find_column(word)
        if column is not None and isinstance(reason := self.encoded[column], UnusableColumnError):
            raise UserError(f"{self.path}: {reason}")
        if not self.classes:
            raise UserError(self.no_attribute_message())
        return find_attribute(word, self.attribute_names)

    def no_attribute_message(self) -> str:
        """Return why none of the columns is an attribute."""
        reasons = "; ".join(map(str, list(self.encoded.values())[:5]))
        return f"{self.path} has no column that is an attribute: {reasons or 'it has none'}"

    def has_value(self, column: str) -> npt.NDArray[np.bool_]:
        """Return whether each image has a value in an attribute's column, [N]."""
        encoded = self.encoded[column]
        assert isinstance(encoded, Column)
        return np.not_equal(encoded.values, UNKNOWN)

    def find_column(self, name: str) -> str | None:
        """Return the column with this name, ignoring case, or None."""
        if name in self.columns:
            return name
        return next((each for each in self.columns if normalize(each) == normalize(name)), None)

    def excluded_columns(self) -> list[str]:
        """Return lines that say which columns are not attributes, and which lack values."""
        reasons = [str(each) for each in self.encoded.values() if not isinstance(each, Column)]
        lines = [f"not an attribute: {reason}" for reason in reasons[:10]]
        if len(reasons) > 10:
            lines.append(f"{len(reasons) - 10} more columns are not attributes")
        for name in self.classes:
            without = np.flatnonzero(~self.has_value(name))
            if len(without):
                lines.append(
                    f"{name} has no value for {len(without):,} of {len(self.names):,} images, such "
                    f"as {self.names[without[0]]}"
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
        elif (path := Path(source).expanduser()).is_file():
            by_name = read_name_values(path)
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
                f"images, such as {self.names[missing[0]]}: give each image one"
            )
        return texts


def is_scalar(value: object) -> bool:
    """Return whether a value is a text or a number."""
    return isinstance(value, str) or is_number(value)


def is_number(value: object) -> bool:
    """Return whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    table = read_any_table(path)
    if table.columns is None:
        raise UserError(
            f"{path} begins with {' '.join(table.rows[0][:3])}, not with column names: add a first "
            "line such as image,Smiling,Male"
        )
    image_column = table.image_column(frozenset(map(file_key, files)))
    others = table.value_columns(image_column)
    titles = [
        # attributes are parts of file names
        re.sub(r"[/\\]", "_", table.columns[column]) or f"column {column + 1}"
        for column in others
    ]
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


def read_any_table(path: Path) -> TextTable:
    """Read a table in the format that its suffix says, by default a text table.

    Raises:
        UserError: the file is damaged, or a package is missing.
    """
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return read_json_lines(path)
    return read_parquet(path) if suffix == PARQUET_SUFFIX else read_table(path)


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
