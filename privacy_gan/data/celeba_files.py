"""Find and read the files of a copy of CelebA: the release, its mirrors, or a subset."""

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
from privacy_gan.data.persons import IDENTITIES
from privacy_gan.data.text_tables import BINARY, SPLIT_WORDS, TableError, TextTable, read_table
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

RELEASE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

# in order of preference; the release has the folders Img/, Anno/ and Eval/
IMAGES = (
    "img_align_celeba",
    "Img/img_align_celeba",
    "img_align_celeba_png",
    "Img/img_align_celeba_png",
)
ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"
SUFFIXES = (".txt", ".csv")
MAX_NESTING = 3  # levels of folders that unpacking may have added
LAST_TRAIN, LAST_VALID, LAST_TEST = 162_770, 182_637, 202_599  # last image of each split


def release_error(problem: str) -> UserError:
    """Return an error that also says where to download CelebA and where to put it."""
    return UserError(
        f"{problem}. CelebA is at {RELEASE}: put img_align_celeba.zip (or the folder "
        "img_align_celeba/ extracted from it), list_attr_celeba.txt and list_eval_partition.txt "
        "directly into data.root"
    )


@dataclass(frozen=True)
class CelebaFiles:
    """Paths of the files in a copy of CelebA.

    Attributes:
        images: folder or zip of the images.
        attributes: the list of attributes.
        partition: the list of splits, or None if the copy has none.
        identities: the list of persons, or None if the copy has none.
    """

    images: Path
    attributes: Path
    partition: Path | None
    identities: Path | None = None


@dataclass(frozen=True)
class ImageList:
    """A list file with one row of values per image.

    Attributes:
        path: the file.
        names: image file names [N], in the file's order.
        columns: names of the C values.
        values: uint8 [N, C].
        declared_count: number of images that the file's first line declares, or None.
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: npt.NDArray[np.uint8]
    declared_count: int | None


def find_celeba_files(root: Path) -> CelebaFiles:
    """Find the images and lists in `root` or in one of its subfolders.

    Raises:
        UserError: a file is missing, or several subfolders have a copy of CelebA.
    """
    root = root.expanduser()
    if not root.is_dir():
        raise release_error(f"data.root={root} is not a folder")
    places = list(dict.fromkeys((_find_base_folder(root), root)))
    attributes = next(filter(None, (_find_list(place, ATTRIBUTES) for place in places)), None)
    partition = next(filter(None, (_find_list(place, PARTITION) for place in places)), None)
    identities = next(filter(None, (_find_list(place, IDENTITIES) for place in places)), None)
    images = next(filter(None, map(_find_images, places)), None)
    if images is None:
        raise release_error(
            f"{root} has no images: neither img_align_celeba.zip nor a folder img_align_celeba "
            "with images"
        )
    if attributes is None:
        raise release_error(f"{ATTRIBUTES} (.txt or .csv) is missing in {root}")
    return CelebaFiles(images, attributes, partition, identities)


def read_attribute_list(path: Path) -> ImageList:
    """Read `list_attr_celeba` (.txt or .csv). Values are 1 if the attribute is present, else 0.

    Raises:
        UserError: the file is not such a list, is truncated, or lists an image twice.
    """
    table = _read_list(path)
    image_column, columns = _columns(table)
    names = table.columns or ()
    return _parse(
        table,
        image_column,
        columns,
        tuple(names[c] for c in columns),
        BINARY,
        "1 and -1, or 1 and 0",
    )


def read_attribute_names(path: Path) -> tuple[str, ...]:
    """Read only the attribute names from `list_attr_celeba`, in the file's order."""
    table = _read_list(path, max_rows=2)
    names = table.columns or ()
    return tuple(names[column] for column in _columns(table)[1])


def read_partition_list(path: Path) -> ImageList:
    """Read `list_eval_partition` (.txt or .csv). Values are 0 train, 1 valid, 2 test.

    Raises:
        UserError: the file is not such a list, has another value, or lists an image twice.
    """
    table = _read_list(path)
    image_column = table.image_column()
    others = table.value_columns(image_column)
    if len(others) != 1:
        raise release_error(
            f"{path} is damaged: line {table.lines[0]} has {len(others)} values instead of 1 after "
            "the image name"
        )
    return _parse(table, image_column, others, ("partition",), SPLIT_WORDS, "0, 1 and 2")


def official_splits(names: Sequence[str], root: Path) -> npt.NDArray[np.uint8]:
    """Return the official split of each image by its number in CelebA, uint8 [N].

    Raises:
        UserError: a name is not a number of CelebA's, or a split has no images.
    """
    problem = f"{PARTITION} (.txt or .csv) is missing in {root}, and"
    keys = [file_key(name) for name in names]
    invalid = [
        name
        for name, key in zip(names, keys, strict=True)
        if not (len(key) == 6 and key.isascii() and key.isdigit() and 1 <= int(key) <= LAST_TEST)
    ]
    if invalid:
        raise release_error(f"{problem} the name of {invalid[0]} is not its number in CelebA")
    numbers = np.array([int(key) for key in keys])
    splits = np.searchsorted((LAST_TRAIN, LAST_VALID), numbers).astype(np.uint8)
    for split, word in enumerate(("training", "validation", "test")):
        if split not in splits:
            raise release_error(f"{problem} none of the images is in CelebA's {word} split")
    return splits


def match_image_names(
    first: Path, first_names: Sequence[str], second: Path, second_names: Collection[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Match the image names of two lists, which may differ in suffixes and folders.

    Returns:
        The second list's name of each image of the first, and notes on how they were matched.

    Raises:
        UserError: the lists do not have the same images; gives counts and an example.
    """
    matcher = NameMatcher(first_names, second_names, str(second))
    matcher.match_by(*IGNORING_SUFFIXES)
    matcher.match_by(*IGNORING_FOLDERS)
    matches = matcher.matches()
    absent = [name for row, name in enumerate(first_names) if row not in matches.files]
    differences = [
        f"{other} lacks {len(missing):,} of the {pluralize(count, 'image')} in {path}, such as "
        f"{min(missing)}"
        for path, count, other, missing in (
            (first, len(first_names), second, absent),
            (second, len(second_names), first, matches.unlabelled),
        )
        if missing
    ]
    if differences:
        raise release_error(f"CelebA's files do not match: {'; '.join(differences)}")
    return [matches.files[row] for row in range(len(first_names))], matches.notes


def check_not_html(path: Path) -> None:
    """Raise a `UserError` if a failed download saved a web page under the file's name."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise release_error(
            f"{path} is a web page, not CelebA: the server sent a page instead of the file, most "
            "often because its download quota was exceeded; download the file again"
        )


def _find_base_folder(root: Path) -> Path:
    """Return the root, or a folder up to two levels below it, that has the list of attributes."""
    level = [root]
    for _ in range(MAX_NESTING):
        found = [folder for folder in level if _find_list(folder, ATTRIBUTES)]
        if len(found) > 1:
            raise UserError(
                f"data.root={root} has two copies of CelebA, {found[0]} and {found[1]}: give one "
                "of them as data.root"
            )
        if found:
            return found[0]
        level = [subfolder for folder in level for subfolder in _subfolders(folder)]
    return root


def _subfolders(folder: Path) -> list[Path]:
    """Return the sorted subfolders that may have lists; none if the folder cannot be read."""
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
    """Yield a folder and the folders of the same name nested in it, which unpacking may create."""
    for _ in range(1 + MAX_NESTING):
        if not folder.is_dir():
            return
        yield _check_readable(folder)
        folder = folder / folder.name


def _find_list(base: Path, name: str) -> Path | None:
    subfolder = "Eval" if name == PARTITION else "Anno"
    for suffix in SUFFIXES:
        for path in (base / f"{name}{suffix}", base / subfolder / f"{name}{suffix}"):
            if path.is_file():
                return _check_readable(path)
    return None


def _check_readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} is not readable: change its permissions")
    return path


def _read_list(path: Path, max_rows: int | None = None) -> TextTable:
    check_not_html(path)
    try:
        return read_table(path, max_rows)
    except TableError as error:
        raise release_error(str(error)) from error


def _columns(table: TextTable) -> tuple[int, tuple[int, ...]]:
    """Return the index of the image column and the indices of the attribute columns."""
    if table.columns is None:
        raise release_error(
            f"{table.path} has no attribute names: line {table.lines[0]} begins with "
            f"{' '.join(table.rows[0][:3])}, and the line with the names is missing above it"
        )
    image_column = table.image_column()
    columns = table.value_columns(image_column)
    if not columns:
        raise release_error(f"the first line of {table.path} has no attribute names")
    _check_unique(table.path, [table.columns[column] for column in columns])
    return image_column, columns


def _check_unique(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise release_error(f"{path} is damaged: {repeated} occurs more than once")


def _parse(
    table: TextTable,
    image_column: int,
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
                f"{table.path} is damaged: line {number} ({row[image_column]}) has the value "
                f"{text!r} for {title}; allowed values are {allowed}"
            ) from None
    names = tuple(row[image_column] for row in table.rows)
    _check_unique(table.path, names)
    array = np.frombuffer(bytes(values), np.uint8).reshape(len(names), len(columns))
    return ImageList(table.path, names, titles, array, table.declared_count)
