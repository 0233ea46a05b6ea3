"""Find the files of a data set in a folder, or up to two folders below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from privacy_gan.errors import UserError

MAX_NESTING = 2  # levels of folders that unpacking may have added
MAX_SUBFOLDERS = 100  # a folder with more has one for each person or class, and no lists in them


def require_file(root: Path, pattern: str, title: str) -> Path:
    """Return the file that a data set cannot be read without.

    Args:
        root: the folder that the user gave.
        pattern: name of the file, which may have wildcards.
        title: name of the data set, for messages.

    Raises:
        UserError: the folder or the file is missing, or several subfolders have the file.
    """
    check_is_folder(root, title)
    path = find_file(root, pattern, title)
    if path is None:
        raise UserError(
            f"data.images={root} has no {pattern}, which {title} needs: put the file into that "
            "folder, or give the folder that has it"
        )
    return path


def check_is_folder(root: Path, title: str) -> None:
    """Raise a UserError if the folder that the user gave is not one."""
    if not root.is_dir():
        raise UserError(f"data.images={root} is not a folder: give the folder with {title}")


def find_file(root: Path, pattern: str, title: str) -> Path | None:
    """Return a file, or None if it is missing.

    Args:
        root: see ``require_file``, as the other arguments.
        pattern: name of the file, which may have wildcards.
        title: name of the data set.

    Raises:
        UserError: several subfolders have the file.
    """
    found = find_files(root, pattern)
    if len(found) > 1:
        raise UserError(
            f"data.images={root} has two copies of {title}, with {found[0]} and {found[1]}: give "
            "the folder of one of them as data.images"
        )
    return found[0] if found else None


def find_files(root: Path, pattern: str) -> list[Path]:
    """Return one file from each folder that has any, at the highest level that has any.

    If a folder has several, it is the last by name: Data_Entry_2017_v2020.csv, which corrects
    Data_Entry_2017.csv.
    """
    for level in folder_levels(root):
        candidates = [sorted(filter(Path.is_file, folder.glob(pattern))) for folder in level]
        if found := [files[-1] for files in candidates if files]:
            return found
    return []


def folder_levels(root: Path) -> Iterator[list[Path]]:
    """Yield the root alone, the folders in it, and the folders in those; sorted."""
    level = [root]
    yield level
    for _ in range(MAX_NESTING):
        level = [subfolder for folder in level for subfolder in subfolders(folder)]
        yield level


def subfolders(folder: Path) -> list[Path]:
    """Return the sorted folders that may have lists; none if the folder cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith((".", "__")) and entry.is_dir()
            ]
    except OSError:
        return []
    return [folder / name for name in sorted(names)] if len(names) <= MAX_SUBFOLDERS else []
