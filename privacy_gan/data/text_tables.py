"""Read text tables with one row per image, in the formats that people and programs write.

Also defines the words that mean yes, no, a missing value, and each split.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from sys import intern

from privacy_gan.data.matching import IMAGE_SUFFIX, file_key, is_image_file
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

DELIMITERS = (",", ";", "\t", "|")  # without any of them, blanks separate fields
NAME_AND_VALUES = re.compile(
    rf"(.+?{IMAGE_SUFFIX})\s+(.*)", re.IGNORECASE
)  # names may contain blanks
SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n")  # the first line that some spreadsheets write
ROW_NUMBER = re.compile(r"0|[1-9]\d*")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
IMAGE_COLUMNS = frozenset(
    "image image_id image_name image_file image_path img img_name img_path imageid imagename name "
    "file file_name file_path filename filepath path photo".split()
)
INDEX_COLUMNS = ("", "index", "unnamed: 0")  # names of a row index, as pandas writes it

BINARY = {
    **dict.fromkeys(("0", "0.0", "-1", "-1.0", "false", "no", "f", "n"), 0),
    **dict.fromkeys(("1", "1.0", "+1", "true", "yes", "t", "y"), 1),
}
MISSING_VALUES = frozenset(("", "nan", "na", "n/a", "none", "null", "?", "-"))

SPLIT_WORDS = {
    **dict.fromkeys(("0", "0.0", "train", "training"), 0),
    **dict.fromkeys(("1", "1.0", "valid", "val", "validation", "dev"), 1),
    **dict.fromkeys(("2", "2.0", "test", "testing"), 2),
}


class TableError(UserError):
    """A file is not a table, or one of its lines is damaged."""


@dataclass(frozen=True)
class TextTable:
    """A table read from a text file.

    Attributes:
        path: the file.
        columns: names of the C columns, "" for a column without a name; None without a header.
        rows: texts [N][C], stripped.
        lines: line number on which each row ends, from 1.
        declared_count: number of rows that the first line declares, as in CelebA's lists; or None.
        encoding: the file's encoding if it is neither UTF-8 nor UTF-16, else None.
    """

    path: Path
    columns: tuple[str, ...] | None
    rows: list[list[str]]
    lines: list[int]
    declared_count: int | None
    encoding: str | None

    def image_column(self, files: frozenset[str] = frozenset()) -> int:
        """Return the index of the column with the image names.

        This is the column that matches the most files. Ties are broken in this order: a
        column with a usual name such as `image`, a column of image file names, a column of
        distinct values, and the first column.

        Args:
            files: keys of the existing files, see ``file_key``.
        """
        names = self.columns or ("",) * len(self.rows[0])

        def score(column: int) -> tuple[int, bool, bool, bool, int]:
            texts = {row[column] for row in self.rows} if files or self.has_index else set()
            is_distinct = 3 * len(texts) > len(self.rows)  # a column of 0 and 1 may match two files
            found = len(files & set(map(file_key, texts))) if is_distinct else 0
            has_usual_name = names[column].strip().lower() in IMAGE_COLUMNS
            is_file = is_image_file(self.rows[0][column])
            identifies_rows = is_distinct and not (column == 0 and self.has_index)
            return found, has_usual_name, is_file, identifies_rows, -column

        return max(range(len(names)), key=score)

    @cached_property
    def has_index(self) -> bool:
        """Whether the first column appears to be a row index."""
        if self.columns is None or self.columns[0].lower() not in INDEX_COLUMNS:
            return False
        texts = [row[0] for row in self.rows]
        return len(set(texts)) == len(texts) > 1 and all(map(ROW_NUMBER.fullmatch, texts))

    def value_columns(self, image_column: int) -> tuple[int, ...]:
        """Return the indices of all columns except the image column and a leading row index."""
        others = range(1 if image_column and self.has_index else 0, len(self.rows[0]))
        return tuple(column for column in others if column != image_column)


def read_table(path: Path, max_rows: int | None = None) -> TextTable:
    """Read a table; detect its encoding, delimiter and header.

    Args:
        path: text file in UTF-8, UTF-16 or Windows-1252.
        max_rows: number of rows to read; None for all.

    Raises:
        TableError: the file is not text, lists no images, or its rows differ in length.
    """
    text, encoding = read_text(path)
    records = parse_lines(path, text)
    first = next(records, None)
    declared_count = None
    if first is not None and len(first[1]) == 1 and first[1][0].isdigit():
        declared_count, first = int(first[1][0]), next(records, None)
    if first is None:
        raise TableError(f"{path} is empty: it lists no images")
    is_row = any(map(is_image_file, first[1])) or all(map(NUMBER.fullmatch, first[1]))
    entries = list(islice(records, max_rows))
    if is_row:
        entries.insert(0, first)
    if not entries:
        raise TableError(f"{path} lists no images: it ends after the column names")
    columns = None if is_row else column_names(first[1], entries[0][1])
    width = len(first[1] if columns is None else columns)
    rows = [trim_row(path, number, fields, width) for number, fields in entries]
    lines = [number for number, _ in entries]
    return drop_empty_columns(TextTable(path, columns, rows, lines, declared_count, encoding))


def read_text(path: Path) -> tuple[str, str | None]:
    """Return a file's text, and its encoding if that is neither UTF-8 nor UTF-16.

    Raises:
        TableError: the file is not text.
    """
    content = path.read_bytes()
    start = content[:2]
    if start in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif b"\0" in start:
        encodings = ["utf-16-be" if start[:1] == b"\0" else "utf-16-le"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, "Windows-1252" if encoding == "cp1252" else None
    raise TableError(f"{path} is not a text file")


def parse_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is not empty.

    Fields are interned, because CelebA's list has eight million.

    Raises:
        TableError: a line cannot be parsed.
    """
    lines = io.StringIO(text, newline="")
    delimiter, skipped = detect_delimiter(text), 0
    if match := SEPARATOR_LINE.match(text):
        delimiter, skipped = match[1], 1
        lines.seek(match.end())
    if delimiter is None:
        for number, line in enumerate(lines, start=1):
            match = NAME_AND_VALUES.fullmatch(line.strip())
            fields = [match[1], *match[2].split()] if match else line.split()
            if fields:
                yield number, list(map(intern, fields))
        return
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        for fields in reader:
            stripped = [intern(field.strip()) for field in fields]
            if any(stripped):
                yield reader.line_num + skipped, stripped
    except csv.Error as error:
        line_number = reader.line_num + skipped
        raise TableError(
            f"{path} is not a table: line {line_number} cannot be read ({error})"
        ) from error


def detect_delimiter(text: str) -> str | None:
    """Return the delimiter of the first line with several fields, or None for blanks."""
    for line in io.StringIO(text):
        if not line.strip() or line.strip().isdigit():
            continue
        counts = {d: len(next(csv.reader([line], delimiter=d))) for d in DELIMITERS}
        best = max(counts, key=lambda delimiter: counts[delimiter])
        return best if counts[best] > 1 else None
    return None


def column_names(first: list[str], row: list[str]) -> tuple[str, ...]:
    """Return the column names. CelebA's list has no name for the image column."""
    names = [name.strip() for name in first]
    fields = len(row)
    while fields > len(names) and not row[fields - 1]:
        fields -= 1
    return tuple(["", *names] if fields == len(names) + 1 else names)


def trim_row(path: Path, number: int, fields: list[str], width: int) -> list[str]:
    """Remove empty fields that trailing delimiters add to a row.

    Raises:
        TableError: the row does not have `width` fields.
    """
    while len(fields) > width and not fields[-1]:
        fields.pop()
    if len(fields) != width:
        raise TableError(
            f"{path} is truncated or damaged: line {number} ({fields[0]}) has {len(fields)} "
            f"instead of {pluralize(width, 'field')}"
        )
    return fields


def drop_empty_columns(table: TextTable) -> TextTable:
    """Remove columns that have neither a name nor a value."""
    if table.columns is None or "" not in table.columns:
        return table
    selected = [
        column
        for column, name in enumerate(table.columns)
        if name or any(row[column] for row in table.rows)
    ]
    if len(selected) == len(table.columns):
        return table
    return replace(
        table,
        columns=tuple(table.columns[column] for column in selected),
        rows=[[row[column] for column in selected] for row in table.rows],
    )


def declared_count_note(path: Path, declared: int, listed: int) -> str:
    """Return a line for a list whose first line declares a wrong number of images."""
    return (
        f"the first line of {path} declares {pluralize(declared, 'image')}, but the list has "
        f"{listed:,}"
    )


def normalize(text: str) -> str:
    """Strip a text and convert it to lower case."""
    return text.strip().lower()


def is_missing(text: str) -> bool:
    """Return whether a text stands for a missing value."""
    return normalize(text) in MISSING_VALUES
