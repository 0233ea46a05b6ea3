"""Which photographs a folder holds, and where their censored versions go."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from privacy_gan.data.decoding import UnreadablePhoto
from privacy_gan.release.file_kinds import beginning_of, is_photograph, other_picture

USUAL = {".jpg", ".jpeg", ".png", ".webp"}
SUFFIXES = {
    *USUAL,
    *(".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp"),
    *(".jpg_large", ".jpeg_large", ".png_large", ".apng"),
}


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
        others: files that are no pictures, by their paths within the folder.
    """

    photos: list[Photo] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def photos_in(folder: Path, suffix: str) -> PhotoFolder:
    """Return what is in a folder and in the folders below it, told by content, not by name.

    Links are not followed: they may lead anywhere, also around in circles, to what nobody meant to
    hand out. Pipes, sockets and devices are not opened.

    Args:
        folder: to look into.
        suffix: of the censored images' files.
    """
    found = PhotoFolder()
    taken: dict[str, Path] = {}  # names of photographs by their targets, without case
    for name, is_link in files_below(folder, found.skipped):
        try:
            if is_link:
                raise UnreadablePhoto("it is a link, and links are not followed")
            beginning = beginning_of(folder / name)
        except UnreadablePhoto as error:
            found.skipped.append(Skipped(name, str(error)))
            continue
        ending, is_hidden = name.suffix.lower(), name.name.startswith(".")
        other = other_picture(beginning, ending)
        if is_photograph(beginning) or (ending in SUFFIXES and not other and not is_hidden):
            target = target_of(name, suffix)
            if (reason := objection(name, target, taken, folder)) is None:
                found.photos.append(Photo(name, target))
            else:
                found.skipped.append(Skipped(name, reason))
        elif other and not name.name.startswith("._"):
            reason = f"its format ({other}) is not read: convert it to JPEG, PNG or WebP"
            found.skipped.append(Skipped(name, reason))
        else:
            found.others.append(name)
    return found


def objection(name: Path, target: Path, taken: dict[str, Path], folder: Path) -> str | None:
    """Return why a photograph cannot be censored under a name, or None, and take that name.

    Args:
        name: its path within the folder.
        target: that of its censored version.
        taken: whose censored version has a name already.
        folder: in which it lies.
    """
    if name.name.startswith("."):
        return "its name begins with a dot, as those of hidden files do: rename it"
    # some file systems do not tell upper case from lower, or ways to write an umlaut
    plain = unicodedata.normalize("NFC", str(target)).casefold()
    first = taken.setdefault(plain, name)
    if first == name and not (folder / target).is_dir():
        return None
    named_so = first if first != name else target
    return f"its censored version would be named as that of {printable(named_so)}: rename one"


def target_of(name: Path, suffix: str) -> Path:
    """Return what a photograph's censored version is called.

    A usual suffix is replaced, any other kept: a.jpg, a.jfif and a without one do not become alike.
    """
    is_usual = name.suffix.lower() in USUAL
    return name.with_suffix(suffix) if is_usual else name.with_name(name.name + suffix)


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


def printable(name: Path) -> str:
    """Return a name as a terminal can show it, whatever bytes and control characters it holds."""
    text = str(name).encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
