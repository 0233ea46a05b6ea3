"""Find and read the files of a copy of CelebA: the release, its mirrors, or a part of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.data.image_files import is_image_name
from privacy_gan.data.matching import IGNORING_FOLDERS, IGNORING_SUFFIXES, NameMatcher, file_key
from privacy_gan.data.text_tables import BINARY, SPLIT_WORDS, TableError, TextTable, read_table
from privacy_gan.errors import UserError

RELEASE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

# In order of preference. The release keeps its parts in Img/, Anno/ and Eval/.
IMAGES = (
    "img_align_celeba",
    "Img/img_align_celeba",
    "img_align_celeba_png",
    "Img/img_align_celeba_png",
)
ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"
SUFFIXES = (".txt", ".csv")
MAX_NESTING = 3  # folders that unpacking may have put one into another
LAST_TRAIN, LAST_VALID, LAST_TEST = 162_770, 182_637, 202_599  # images of the official splits


def release_error(problem: str) -> UserError:
    """Describe a problem with the files, then where good ones are and where they belong."""
    return UserError(
        f"{problem}. CelebA is at {RELEASE}: put img_align_celeba.zip (or the folder "
        "img_align_celeba/ extracted from it), list_attr_celeba.txt and list_eval_partition.txt "
        "directly into data.root"
    )


@dataclass(frozen=True)
class CelebaFiles:
    """Where one copy of CelebA keeps its parts.

    Attributes:
        images: a folder or a zip.
        attributes: the list of attributes.
        partition: the list of splits, or None where the copy has none.
    """

    images: Path
    attributes: Path
    partition: Path | None


@dataclass(frozen=True)
class ImageList:
    """A list file: one row of values for each image.

    `names` are the N file names in the file's order, `columns` the C names of the values,
    `values` uint8 [N, C]. `announced` is how many images the file's first line counts, or None.
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: npt.NDArray[np.uint8]
    declared_count: int | None


def find_celeba_files(root: Path) -> CelebaFiles:
    """Locate images and lists in `root`, or in the one folder below it that has them.

    Raises a `UserError` that names whatever is missing, or two folders with a copy each.
    """
    root = root.expanduser()
    if not root.is_dir():
        raise release_error(f"data.root={root} is not a folder")
    places = list(dict.fromkeys((_find_base_folder(root), root)))
    attributes = next(filter(None, (_find_list(place, ATTRIBUTES) for place in places)), None)
    partition = next(filter(None, (_find_list(place, PARTITION) for place in places)), None)
    images = next(filter(None, map(_find_images, places)), None)
    if images is None:
        raise release_error(
            f"no images in {root}: neither img_align_celeba.zip nor a folder img_align_celeba "
            "with images in it"
        )
    if attributes is None:
        raise release_error(f"{ATTRIBUTES} (.txt or .csv) is missing in {root}")
    return CelebaFiles(images, attributes, partition)


def read_attribute_list(path: Path) -> ImageList:
    """Read `list_attr_celeba` (.txt or .csv); values are 1 where the attribute is present, else 0.

    Raises a `UserError` for a file that is not such a list, is truncated, or repeats an image.
    """
    table = _read_list(path)
    of_image, columns = _columns(table)
    names = table.columns or ()
    return _parse(
        table, of_image, columns, tuple(names[c] for c in columns), BINARY, "1 and -1, or 1 and 0"
    )


def read_attribute_names(path: Path) -> tuple[str, ...]:
    """Read only the names of the attributes from `list_attr_celeba`, in the file's order."""
    table = _read_list(path, max_rows=2)
    names = table.columns or ()
    return tuple(names[column] for column in _columns(table)[1])


def read_partition_list(path: Path) -> ImageList:
    """Read `list_eval_partition` (.txt or .csv); the one value is 0 train, 1 valid, 2 test.

    Raises a `UserError` for a file that is not such a list, has another value, or repeats an image.
    """
    table = _read_list(path)
    of_image = table.image_column()
    others = table.value_columns(of_image)
    if len(others) != 1:
        raise release_error(
            f"{path} is damaged: line {table.lines[0]} has {len(others)} values, not 1, besides "
            "the image's name"
        )
    return _parse(table, of_image, others, ("partition",), SPLIT_WORDS, "0, 1 and 2")


def official_splits(names: Sequence[str], root: Path) -> npt.NDArray[np.uint8]:
    """Return the official split of each image, uint8 [N], which its number tells.

    Raises a `UserError` where a name is no number of CelebA's, or images of a split are missing.
    """
    missing = f"{PARTITION} (.txt or .csv) is missing in {root}, and"
    keys = [file_key(name) for name in names]
    strange = [
        name
        for name, key in zip(names, keys, strict=True)
        if not (len(key) == 6 and key.isascii() and key.isdigit() and 1 <= int(key) <= LAST_TEST)
    ]
    if strange:
        raise release_error(f"{missing} {strange[0]} is not called by its number in CelebA")
    numbers = np.array([int(key) for key in keys])
    splits = np.searchsorted((LAST_TRAIN, LAST_VALID), numbers).astype(np.uint8)
    for split, word in enumerate(("training", "validation", "test")):
        if split not in splits:
            raise release_error(f"{missing} none of the images is one of CelebA's {word} images")
    return splits


def match_image_names(
    first: Path, first_names: Sequence[str], second: Path, second_names: Collection[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return what the second calls each image of the first, and how they were matched.

    Names may differ in suffixes and folders. Raises a `UserError` with counts and an example
    unless both hold the same images.
    """
    matching = NameMatcher(first_names, second_names, str(second))
    matching.match_by(*IGNORING_SUFFIXES)
    matching.match_by(*IGNORING_FOLDERS)
    matches = matching.matches()
    absent = [name for row, name in enumerate(first_names) if row not in matches.files]
    differences = [
        f"{len(extra)} of {count} images in {here} are not in {there}, such as {min(extra)}"
        for here, count, there, extra in (
            (first, len(first_names), second, absent),
            (second, len(second_names), first, matches.unlabelled),
        )
        if extra
    ]
    if differences:
        raise release_error(f"CelebA's files disagree: {'; '.join(differences)}")
    return [matches.files[row] for row in range(len(first_names))], matches.notes


def check_not_html(path: Path) -> None:
    """Raise a `UserError` if a download left a web page under the file's name."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise release_error(
            f"{path} is a web page, not CelebA: the download's host answered with a page instead, "
            "most often because its download quota was exceeded; download the file again"
        )


def _find_base_folder(root: Path) -> Path:
    """Return the folder that holds the list of attributes: the root or one not far below it."""
    level = [root]
    for _ in range(MAX_NESTING):
        having = [folder for folder in level if _find_list(folder, ATTRIBUTES)]
        if len(having) > 1:
            raise UserError(
                f"data.root={root} holds two copies of CelebA, {having[0]} and {having[1]}: give "
                "one of them as data.root"
            )
        if having:
            return having[0]
        level = [below for folder in level for below in _subfolders(folder)]
    return root


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in one that may hold lists, in order; none where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith((".", "__", "img_")) and entry.is_dir()
            ]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def _find_images(base: Path) -> Path | None:
    for folder in (base / name for name in IMAGES):
        for nested in _nested_folders(folder):
            if any(is_image_name(path.name) for path in nested.iterdir()):
                return nested
    for archive in (base / f"{name}.zip" for name in IMAGES):
        if archive.is_file():
            return _check_readable(archive)
    return None


def _nested_folders(folder: Path) -> Iterator[Path]:
    """Yield a folder, and those in it that are called alike, as unpacking leaves them."""
    for _ in range(1 + MAX_NESTING):
        if not folder.is_dir():
            return
        yield _check_readable(folder)
        folder = folder / folder.name


def _find_list(base: Path, name: str) -> Path | None:
    inside = "Eval" if name == PARTITION else "Anno"
    for suffix in SUFFIXES:
        for path in (base / f"{name}{suffix}", base / inside / f"{name}{suffix}"):
            if path.is_file():
                return _check_readable(path)
    return None


def _check_readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} may not be read: change its permissions")
    return path


def _read_list(path: Path, max_rows: int | None = None) -> TextTable:
    check_not_html(path)
    try:
        return read_table(path, max_rows)
    except TableError as error:
        raise release_error(str(error)) from error


def _columns(table: TextTable) -> tuple[int, tuple[int, ...]]:
    """Return which column of an attribute list names the images, and which are attributes."""
    if table.columns is None:
        raise release_error(
            f"{table.path} does not name the attributes: its line {table.lines[0]} begins with "
            f"{' '.join(table.rows[0][:3])}, above it their names are missing"
        )
    of_image = table.image_column()
    columns = table.value_columns(of_image)
    if not columns:
        raise release_error(f"{table.path} names no attributes in its first line")
    _check_unique(table.path, [table.columns[column] for column in columns])
    return of_image, columns


def _check_unique(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise release_error(f"{path} is damaged: {repeated} occurs in it more than once")


def _parse(
    table: TextTable,
    of_image: int,
    columns: Sequence[int],
    titles: tuple[str, ...],
    codes: Mapping[str, int],
    allowed: str,
) -> ImageList:
    values = bytearray()
    for number, row in zip(table.lines, table.rows, strict=True):
        try:
            values += bytes(map(codes.__getitem__, (row[column].lower() for column in columns)))
        except KeyError:
            title, text = next(
                (title, row[column])
                for title, column in zip(titles, columns, strict=True)
                if row[column].lower() not in codes
            )
            raise release_error(
                f"{table.path} is damaged: line {number} ({row[of_image]}) has the value {text!r} "
                f"for {title}, allowed are {allowed}"
            ) from None
    names = tuple(row[of_image] for row in table.rows)
    _check_unique(table.path, names)
    found = np.frombuffer(bytes(values), np.uint8).reshape(len(names), len(columns))
    return ImageList(table.path, names, titles, found, table.declared_count)
