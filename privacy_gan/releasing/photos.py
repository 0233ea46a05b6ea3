"""Which photographs a folder holds, and where their censored versions go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Photo:
    """A photograph to be censored.

    Attributes:
        name: its path within the folder.
        target: that of the censored image, within another folder.
    """

    name: Path
    target: Path


@dataclass(frozen=True)
class Skipped:
    """What is not censored, and so not handed out.

    Attributes:
        name: its path within the folder.
        reason: why.
    """

    name: Path
    reason: str

    def __str__(self) -> str:
        """Return both on one line, whatever characters the name holds."""
        return f"{printable(self.name)}: {self.reason}"


@dataclass(frozen=True)
class PhotoFolder:
    """What is in a folder, by what becomes of it.

    Attributes:
        photos: to be censored, in the order of their names.
        skipped: photographs that cannot be, and folders that cannot be looked into.
        others: number of files that are no photographs.
    """

    photos: list[Photo] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: int = 0


def photos_in(folder: Path, suffix: str) -> PhotoFolder:
    """Return what is in a folder and in the folders below it.

    Links are not followed: they may lead anywhere, also around in circles, to what nobody meant to
    hand out. Hidden files are no photographs.

    Args:
        folder: to look into.
        suffix: of the censored images' files.
    """
    photos: list[Photo] = []
    skipped: list[Skipped] = []
    others = 0
    taken: dict[str, Path] = {}
    for name, is_link in files_below(folder, skipped):
        if is_link:
            skipped.append(Skipped(name, "it is a link, and links are not followed"))
        elif not is_photo(name):
            others += 1
        else:
            target = name.with_suffix(suffix)
            # some file systems do not tell upper case from lower
            first = taken.setdefault(str(target).casefold(), name)
            if first == name:
                photos.append(Photo(name, target))
            else:
                reason = f"its censored version would be named as that of {printable(first)}"
                skipped.append(Skipped(name, f"{reason}: rename one"))
    return PhotoFolder(photos, skipped, others)


def files_below(folder: Path, skipped: list[Skipped]) -> Iterator[tuple[Path, bool]]:
    """Yield all files below a folder, and whether each is a link, also one to a folder.

    Args:
        folder: to look into.
        skipped: gets the folders that cannot be looked into.
    """

    def note(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder)
        skipped.append(Skipped(name, f"this folder cannot be read ({error.strerror})"))

    for path, folders, files in os.walk(folder, onerror=note):
        folders.sort()
        here = Path(path)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            yield (here / name).relative_to(folder), (here / name).is_symlink()


def is_photo(name: Path) -> bool:
    """Tell whether a file is a photograph by its name."""
    return name.suffix.lower() in SUFFIXES and not name.name.startswith(".")


def printable(name: Path) -> str:
    """Return a name as a terminal can show it, whatever bytes and control characters it holds."""
    text = str(name).encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
