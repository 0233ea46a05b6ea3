"""Read tables that are not text tables: JSON lines, and Parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_gan.data.text_tables import TableError, TextTable
from privacy_gan.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PARQUET_SUFFIX = ".parquet"


def read_json_lines(path: Path) -> TextTable:
    """Read a file with a JSON object in each line, all of them with the same keys or fewer.

    Raises:
        TableError: a line is not a JSON object, or there is none.
    """
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise TableError(
                    f"{path} is not a table of JSON lines: line {number} cannot be read ({error})"
                ) from error
            if not isinstance(record, dict):
                raise TableError(
                    f"{path} is not a table of JSON lines: line {number} is not an object such as "
                    '{"file_name": "1.png", "smiling": 1}'
                )
            records.append(record)
            lines.append(number)
    return to_table(path, records, lines)


def read_parquet(path: Path) -> TextTable:
    """Read a Parquet file.

    Raises:
        UserError: pyarrow is not installed, or the file is damaged.
    """
    records = open_parquet(path).read().to_pylist()
    return to_table(path, records, range(1, len(records) + 1))


def to_table(path: Path, records: Sequence[dict[str, Any]], lines: Iterable[int]) -> TextTable:
    """Return records as a table of texts.

    Raises:
        TableError: there are none.
    """
    if not records:
        raise TableError(f"{path} lists no images: it is empty")
    columns = list(dict.fromkeys(key for each in records for key in each))
    rows = [[to_text(record.get(column)) for column in columns] for record in records]
    return TextTable(path, tuple(columns), rows, list(lines), None, None)


def to_text(value: Any) -> str:
    """Return a value as in a text table; None is an empty text."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else str(value)


def open_parquet(path: Path) -> pa.parquet.ParquetFile:
    """Open a Parquet file.

    Raises:
        UserError: pyarrow is not installed, or the file is damaged.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(
            f"{path} needs pyarrow to be read: pip install 'privacy_gan[parquet]'"
        ) from error
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a Parquet file, or is truncated: {error}") from error
