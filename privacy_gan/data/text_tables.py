"""Tables in text files, as people and programs write them: a row for each image.

And what they write for yes, no, what they do not know, and for splits.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from sys import intern

import numpy as np
import numpy.typing as npt

from privacy_gan.data.matching import IMAGE_SUFFIX, file_key, is_image_file
from privacy_gan.errors import UserError

DELIMITERS = (",", ";", "\t", "|")  # where none of them is found, blanks separate
NAME_AND_VALUES = re.compile(
    rf"(.+?{IMAGE_SUFFIX})\s+(.*)", re.IGNORECASE
)  # a name may hold blanks
SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n")  # a first line that some of them write
ROW_NUMBER = re.compile(r"0|[1-9]\d*")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
IMAGE_COLUMNS = frozenset(
    "image image_id image_name image_file image_path img img_name img_path imageid imagename name "
    "file file_name file_path filename filepath path photo".split()
)
INDEX_COLUMNS = ("", "index", "unnamed: 0")  # of rows, as pandas writes them

BINARY = {
    **dict.fromkeys(("0", "0.0", "-1", "-1.0", "false", "no", "f", "n"), 0),
    **dict.fromkeys(("1", "1.0", "+1", "true", "yes", "t", "y"), 1),
}
MINUS_ONE = frozenset(("-1", "-1.0"))
ZERO = frozenset(("0", "0.0"))
MISSING_VALUES = frozenset(("", "nan", "na", "n/a", "none", "null", "?", "-"))

SPLIT_WORDS = {
    **dict.fromkeys(("0", "0.0", "train", "training"), 0),
    **dict.fromkeys(("1", "1.0", "valid", "val", "validation"), 1),
    **dict.fromkeys(("2", "2.0", "test", "testing"), 2),
}


class TableError(UserError):
    """A file is no table, or a line of it is damaged."""


@dataclass(frozen=True)
class TextTable:
    """A table.

    Attributes:
        path: of its file.
        columns: their names C, "" where one has none; None where the file names no columns.
        rows: texts [N][C], without blanks around them.
        lines: on which each row ends, from 1.
        announced: how many rows a first line, as CelebA's, says there are; or None.
        encoding: that the file is in, where it is not a usual one.
    """

    path: Path
    columns: tuple[str, ...] | None
    rows: list[list[str]]
    lines: list[int]
    declared_count: int | None
    encoding: str | None

    def image_column(self, files: frozenset[str] = frozenset()) -> int:
        """Return the number of the column that names the images.

        It is the one that most files are named in; else the one that is called so; else the first
        one that holds names of image files; else the first.

        Args:
            files: keys of the files that there are, see ``file_key``.
        """
        names = self.columns or ("",) * len(self.rows[0])

        def rank(column: int) -> tuple[int, bool, bool, bool, int]:
            texts = {row[column] for row in self.rows} if files or self.has_index else set()
            is_of_each = 3 * len(texts) > len(self.rows)  # a column of 0 and 1 may name two files
            found = len(files & set(map(file_key, texts))) if is_of_each else 0
            is_called_so = names[column].strip().lower() in IMAGE_COLUMNS
            is_file = is_image_file(self.rows[0][column])
            tells_apart = is_of_each and not (column == 0 and self.has_index)
            return found, is_called_so, is_file, tells_apart, -column

        return max(range(len(names)), key=rank)

    @cached_property
    def has_index(self) -> bool:
        """Whether the first column only numbers the rows, as far as can be told."""
        if self.columns is None or self.columns[0].lower() not in INDEX_COLUMNS:
            return False
        texts = [row[0] for row in self.rows]
        return len(set(texts)) == len(texts) > 1 and all(map(ROW_NUMBER.fullmatch, texts))

    def value_columns(self, image_column: int) -> tuple[int, ...]:
        """Return the numbers of the other columns, but for a first one that numbers the rows."""
        others = range(1 if image_column and self.has_index else 0, len(self.rows[0]))
        return tuple(column for column in others if column != image_column)


def read_table(path: Path, max_rows: int | None = None) -> TextTable:
    """Read a table, whatever separates its columns and whichever program wrote it.

    Args:
        path: of a text file in UTF-8, UTF-16 or Windows-1252.
        most: rows that are read; None for all.

    Raises:
        TableError: it is no text, names no images, or a row has more or fewer values than others.
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
    listed = list(islice(records, max_rows))
    if is_row:
        listed.insert(0, first)
    if not listed:
        raise TableError(f"{path} lists no images: it ends after the names of its columns")
    columns = None if is_row else column_names(first[1], listed[0][1])
    width = len(first[1] if columns is None else columns)
    rows = [trim_row(path, number, fields, width) for number, fields in listed]
    lines = [number for number, _ in listed]
    return drop_empty_columns(TextTable(path, columns, rows, lines, declared_count, encoding))


def read_text(path: Path) -> tuple[str, str | None]:
    """Return a file's text, and what it is encoded in where that is neither UTF-8 nor UTF-16.

    Raises:
        TableError: it is no text.
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
    """Yield the fields of each line that holds any, with the line's number.

    Equal fields share their memory: CelebA's list has eight million.

    Raises:
        TableError: a line cannot be read.
    """
    lines = io.StringIO(text, newline="")
    delimiter, skipped = detect_delimiter(text), 0
    if said := SEPARATOR_LINE.match(text):
        delimiter, skipped = said[1], 1
        lines.seek(said.end())
    if delimiter is None:
        for number, line in enumerate(lines, start=1):
            named = NAME_AND_VALUES.fullmatch(line.strip())
            blank_separated = [named[1], *named[2].split()] if named else line.split()
            if blank_separated:
                yield number, list(map(intern, blank_separated))
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
            f"{path} is no table: its line {line_number} cannot be read ({error})"
        ) from error


def detect_delimiter(text: str) -> str | None:
    """Return what separates the fields of the first line that has several, None for blanks."""
    for line in io.StringIO(text):
        if not line.strip() or line.strip().isdigit():
            continue
        counts = {d: len(next(csv.reader([line], delimiter=d))) for d in DELIMITERS}
        best = max(counts, key=lambda delimiter: counts[delimiter])
        return best if counts[best] > 1 else None
    return None


def column_names(first: list[str], row: list[str]) -> tuple[str, ...]:
    """Return the names of the columns; CelebA's list has none for the images' names."""
    names = [name.strip() for name in first]
    fields = len(row)
    while fields > len(names) and not row[fields - 1]:
        fields -= 1
    return tuple(["", *names] if fields == len(names) + 1 else names)


def trim_row(path: Path, number: int, fields: list[str], width: int) -> list[str]:
    """Return a row without what a delimiter at its end adds.

    Raises:
        TableError: it has more or fewer fields than the others.
    """
    while len(fields) > width and not fields[-1]:
        fields.pop()
    if len(fields) != width:
        raise TableError(
            f"{path} is truncated or damaged: line {number} ({fields[0]}) has {len(fields)} "
            f"fields, not {width} as the lines above"
        )
    return fields


def drop_empty_columns(table: TextTable) -> TextTable:
    """Return a table without columns that have neither a name nor a value."""
    if table.columns is None or "" not in table.columns:
        return table
    kept = [
        column
        for column, name in enumerate(table.columns)
        if name or any(row[column] for row in table.rows)
    ]
    if len(kept) == len(table.columns):
        return table
    return replace(
        table,
        columns=tuple(table.columns[column] for column in kept),
        rows=[[row[column] for column in kept] for row in table.rows],
    )


def normalize(text: str) -> str:
    """Return a text without blanks around it, in lower case."""
    return text.strip().lower()


def is_missing(text: str) -> bool:
    """Tell whether a text says that a value is not known."""
    return normalize(text) in MISSING_VALUES


def is_binary(texts: Iterable[str]) -> bool:
    """Tell whether texts say nothing but yes, no and that a value is not known.

    0 and -1 in one column are two different things: often -1 is what is not known, or uncertain.
    """
    known = set(map(normalize, texts)) - MISSING_VALUES
    return bool(known) and known <= BINARY.keys() and not (known & ZERO and known & MINUS_ONE)


def encode_binary(texts: Collection[str]) -> npt.NDArray[np.uint8]:
    """Return yes as 1 and no as 0, uint8 [N]; nothing may be missing."""
    codes = {text: BINARY[normalize(text)] for text in set(texts)}
    return np.fromiter(map(codes.__getitem__, texts), np.uint8, len(texts))
