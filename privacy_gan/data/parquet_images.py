"""Images and labels in Parquet files, as data sets on the Hugging Face hub have them.

Such a data set is a folder of files such as data/train-00000-of-00019.parquet. One column has the
images, with their bytes or paths; the other columns are labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_gan.data.labels import Labels
from privacy_gan.data.records import open_parquet, to_text
from privacy_gan.data.text_tables import SPLIT_WORDS
from privacy_gan.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "split"  # name of the column that the names of the files give
PERSON_COLUMNS = ("celeb_id",)  # with persons, in known data sets
IMAGE_COLUMNS = ("image", "img", "picture", "photo")


class ParquetImages:
    """The images in the Parquet files of a folder, named FILE:ROW.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}  # open files cannot be pickled

    def read(self, name: str) -> bytes:
        """See StoredImages."""
        file, _, row = name.rpartition(":")
        value = self._rows(file, int(row))
        content = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(content, bytes):
            return content
        written = value.get("path") if isinstance(value, dict) else value
        return (self.path / file).parent.joinpath(str(written)).read_bytes()

    def signature(self, names: Sequence[str], with_times: bool) -> bytes:
        """See StoredImages."""
        stamps = []
        for file in sorted({name.rpartition(":")[0] for name in names}):
            status = (self.path / file).stat()
            time = f" {status.st_mtime_ns}" if with_times else ""
            stamps.append(f"{file} {status.st_size}{time}\n")
        return "".join((*stamps, *names)).encode()

    def _rows(self, file: str, row: int) -> Any:
        """Return the image of a row. Keep the row group that it is in, for the next ones."""
        found = self._groups.get("found")
        if found is None or found[0] != file or row not in found[1]:
            opened = self._open(file)
            start, group = 0, 0
            while row >= start + (size := opened.metadata.row_group(group).num_rows):
                start, group = start + size, group + 1
            column = opened.read_row_group(group, [image_column(opened, self.path / file)])
            values = column.column(0).to_pylist()
            found = self._groups["found"] = (file, range(start, start + size), values)
        return found[2][row - found[1].start]

    def _open(self, file: str) -> pa.parquet.ParquetFile:
        if file not in self._files:
            self._files[file] = open_parquet(self.path / file)
        return self._files[file]

    @cached_property
    def _files(self) -> dict[str, pa.parquet.ParquetFile]:
        return {}

    @cached_property
    def _groups(self) -> dict[str, tuple[str, range, list[Any]]]:
        return {}


def find_parquet_files(folder: Path) -> list[str]:
    """Return the sorted relative paths of the Parquet files in a folder and its subfolders."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.parquet")
        if not path.name.startswith(".")
    )


def read_parquet_labels(folder: Path, files: Sequence[str]) -> Labels:
    """Return all columns but the images' of Parquet files, and the splits in the files' names.

    Raises:
        UserError: pyarrow is not installed, a file is damaged, the files have different columns, or
            no column has images.
    """
    names: list[str] = []
    columns: dict[str, list[str]] = {}
    splits: list[str] = []
    for file in files:
        opened = open_parquet(folder / file)
        image = image_column(opened, folder / file)
        others = [name for name in opened.schema_arrow.names if name != image]
        if columns and others != list(columns):
            raise UserError(
                f"{folder / file} has other columns than {folder / files[0]}: give a folder with "
                "the files of one data set"
            )
        table = opened.read(others)
        for name in others:
            names_of = class_labels(opened).get(name)
            values = table.column(name).to_pylist()
            if names_of is not None:
                values = [None if value in (None, -1) else names_of[value] for value in values]
            columns.setdefault(name, []).extend(map(to_text, values))
        rows = opened.metadata.num_rows
        names += [f"{file}:{row}" for row in range(rows)]
        splits += [split_of(file)] * rows
    texts = {name: tuple(values) for name, values in columns.items()}
    if any(splits) and SPLIT not in texts:
        if not all(splits):
            other = next(name for name, split in zip(names, splits, strict=True) if not split)
            raise UserError(
                f"{folder} has files for splits, but {other.rpartition(':')[0]} is none: call it "
                "train-..., valid-... or test-..., or move it elsewhere"
            )
        texts[SPLIT] = tuple(splits)
    return Labels(folder, tuple(names), texts)


def split_of(file: str) -> str:
    """Return the split that a file's name begins with, or one of its folders is called, or ""."""
    *folders, name = file.split("/")
    words = [name.removesuffix(".parquet").split("-")[0], *reversed(folders)]
    is_split = (word.isalpha() and word.lower() in SPLIT_WORDS for word in words)
    return next((word for word, found in zip(words, is_split, strict=True) if found), "")


def class_labels(opened: pa.parquet.ParquetFile) -> dict[str, list[str]]:
    """Return the names of the classes of columns with numbers of classes, from the file's metadata.

    Only the library datasets writes them; without them, or if they cannot be read, there are none.
    """
    metadata = (opened.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(metadata).get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def image_column(opened: pa.parquet.ParquetFile, path: Path) -> str:
    """Return the column with the images: one with bytes, or one with a usual name.

    Raises:
        UserError: there is none.
    """
    import pyarrow as pa

    schema = opened.schema_arrow
    for field in schema:
        parts = [part.name for part in field.type] if pa.types.is_struct(field.type) else []
        is_bytes = pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
        if "bytes" in parts or is_bytes:
            return str(field.name)
    for name in schema.names:
        if name.lower() in IMAGE_COLUMNS:
            return str(name)
    raise UserError(
        f"{path} has no column with images: its columns are {', '.join(schema.names[:20])}; one "
        "must have the images' bytes, or be called image"
    )
