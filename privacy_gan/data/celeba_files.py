"""Find and read the files of a copy of CelebA: the official release, its CSV mirror, or a part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from privacy_gan.data.image_files import is_image_name
from privacy_gan.errors import UserError

RELEASE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

# In order of preference. The release keeps its parts in Img/, Anno/ and Eval/; the CSV mirror
# has one folder inside another of the same name.
IMAGE_FOLDERS = (
    "img_align_celeba",
    "img_align_celeba/img_align_celeba",
    "Img/img_align_celeba",
    "Img/img_align_celeba/img_align_celeba",
)
IMAGE_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip")
ATTRIBUTE_LISTS = (
    "list_attr_celeba.txt",
    "Anno/list_attr_celeba.txt",
    "list_attr_celeba.csv",
    "Anno/list_attr_celeba.csv",
)
PARTITION_LISTS = (
    "list_eval_partition.txt",
    "Eval/list_eval_partition.txt",
    "list_eval_partition.csv",
    "Eval/list_eval_partition.csv",
)

ATTRIBUTE_CODES = {"-1": 0, "1": 1}
CSV_ATTRIBUTE_CODES = {**ATTRIBUTE_CODES, "0": 0}
SPLIT_CODES = {"0": 0, "1": 1, "2": 2}


def release_error(problem: str) -> UserError:
    """Describe a problem with the files, then where good ones are and where they belong."""
    return UserError(
        f"{problem}. CelebA is at {RELEASE}: put img_align_celeba.zip (or the folder "
        "img_align_celeba/ extracted from it), list_attr_celeba.txt and list_eval_partition.txt "
        "directly into data.root"
    )


@dataclass(frozen=True)
class CelebaFiles:
    """Where one copy of CelebA keeps its three parts; `images` is a folder or a zip."""

    images: Path
    attributes: Path
    partition: Path


@dataclass(frozen=True)
class ImageList:
    """A list file: one row of values for each image.

    `names` are the N file names in the file's order, `columns` the C names of the values,
    `values` uint8 [N, C].
    """

    path: Path
    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: npt.NDArray[np.uint8]


def find_celeba_files(root: Path) -> CelebaFiles:
    """Locate images and lists below `root`; a `UserError` names whatever is missing."""
    root = root.expanduser()
    if not root.is_dir():
        raise release_error(f"data.root={root} is not a folder")
    return CelebaFiles(
        images=_find_images(root),
        attributes=_find_list(root, ATTRIBUTE_LISTS),
        partition=_find_list(root, PARTITION_LISTS),
    )


def read_attribute_list(path: Path) -> ImageList:
    """Read `list_attr_celeba` (.txt or .csv); values are 1 where the attribute is present, else 0.

    Raises a `UserError` for a file that is not such a list, is truncated, or repeats an image.
    """
    lines = _read_lines(path)
    if path.suffix == ".csv":
        return _parse_rows(path, lines, 1, _csv_columns(path, lines), CSV_ATTRIBUTE_CODES)
    listed = _parse_rows(path, lines, 2, _txt_columns(path, lines), ATTRIBUTE_CODES)
    announced = int(lines[0])
    if announced != len(listed.names):
        raise release_error(
            f"{path} is truncated or damaged: its first line announces {announced} images and "
            f"{len(listed.names)} follow"
        )
    return listed


def read_attribute_names(path: Path) -> tuple[str, ...]:
    """Read only the names of the attributes from `list_attr_celeba`, in the file's order."""
    lines = _read_lines(path)
    return _csv_columns(path, lines) if path.suffix == ".csv" else _txt_columns(path, lines)


def read_partition_list(path: Path) -> ImageList:
    """Read `list_eval_partition` (.txt or .csv); the one value is 0 train, 1 valid, 2 test.

    Raises a `UserError` for a file that is not such a list, has another value, or repeats an image.
    """
    lines = _read_lines(path)
    if path.suffix != ".csv":
        return _parse_rows(path, lines, 0, ("partition",), SPLIT_CODES)
    return _parse_rows(path, lines, 1, _csv_columns(path, lines), SPLIT_CODES)


def require_same_images(
    first: Path, first_names: Collection[str], second: Path, second_names: Collection[str]
) -> None:
    """Raise a `UserError` with counts and an example unless both hold the same images."""
    first_set, second_set = set(first_names), set(second_names)
    differences = [
        f"{len(extra)} of {len(names)} images in {here} are not in {there}, such as {min(extra)}"
        for here, names, there, extra in (
            (first, first_set, second, first_set - second_set),
            (second, second_set, first, second_set - first_set),
        )
        if extra
    ]
    if differences:
        raise release_error(f"CelebA's files disagree: {'; '.join(differences)}")


def require_not_html(path: Path) -> None:
    """Raise a `UserError` if a download left a web page under the file's name."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise release_error(
            f"{path} is a web page, not CelebA: the download's host answered with a page instead, "
            "most often because its download quota was exceeded; download the file again"
        )


def _find_images(root: Path) -> Path:
    for folder in (root / name for name in IMAGE_FOLDERS):
        if folder.is_dir() and any(
            is_image_name(path.name) for path in _readable(folder).iterdir()
        ):
            return folder
    for archive in (root / name for name in IMAGE_ZIPS):
        if archive.is_file():
            return _readable(archive)
    raise release_error(
        f"no images in {root}: neither img_align_celeba.zip nor a folder img_align_celeba "
        "with images in it"
    )


def _find_list(root: Path, candidates: tuple[str, ...]) -> Path:
    for path in (root / name for name in candidates):
        if path.is_file():
            return _readable(path)
    raise release_error(f"{Path(candidates[0]).stem} (.txt or .csv) is missing in {root}")


def _readable(path: Path) -> Path:
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} may not be read: change its permissions")
    return path


def _read_lines(path: Path) -> list[str]:
    require_not_html(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise release_error(f"{path} is damaged: it is not a text file") from error
    return text.rstrip().split("\n")


def _txt_columns(path: Path, lines: list[str]) -> tuple[str, ...]:
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise release_error(
            f"{path} is truncated or damaged: it does not begin with a line that counts the "
            "images and a line that names the attributes"
        )
    return _require_distinct(path, tuple(lines[1].split()))


def _csv_columns(path: Path, lines: list[str]) -> tuple[str, ...]:
    first, *columns = (column.strip() for column in lines[0].split(","))
    if first != "image_id" or not columns:
        raise release_error(f"{path} is damaged: its first line does not begin with image_id,")
    return _require_distinct(path, tuple(columns))


def _require_distinct(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise release_error(f"{path} is damaged: {repeated} occurs in it more than once")
    return names


def _parse_rows(
    path: Path,
    lines: list[str],
    header_lines: int,
    columns: tuple[str, ...],
    codes: Mapping[str, int],
) -> ImageList:
    names: list[str] = []
    values = bytearray()
    for number, fields in _numbered_fields(path, lines, header_lines):
        if len(fields) != 1 + len(columns):
            raise release_error(
                f"{path} is truncated or damaged: line {number} has {max(len(fields) - 1, 0)} "
                f"values, not {len(columns)}"
            )
        try:
            values += bytes(map(codes.__getitem__, fields[1:]))
        except KeyError as error:
            raise release_error(
                f"{path} is damaged: line {number} ({fields[0]}) has the value {error.args[0]!r}, "
                f"allowed are {', '.join(codes)}"
            ) from error
        names.append(fields[0])
    table = np.frombuffer(bytes(values), np.uint8).reshape(len(names), len(columns))
    return ImageList(path, _require_distinct(path, tuple(names)), columns, table)


def _numbered_fields(
    path: Path, lines: list[str], header_lines: int
) -> Iterator[tuple[int, list[str]]]:
    if len(lines) <= header_lines or not lines[header_lines]:
        raise release_error(f"{path} is truncated: it lists no images")
    comma = path.suffix == ".csv"
    for number, line in enumerate(lines[header_lines:], start=header_lines + 1):
        yield number, (line.replace(",", " ") if comma else line).split()
