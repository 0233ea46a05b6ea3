"""Search for photographs in a folder, and the file names of their censored versions."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from privacy_gan.data.decoding import PHOTOS_EXTRA, UndecodableImageError
from privacy_gan.release.file_formats import HEIC, is_supported, read_header, unsupported_format

COMMON_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif"}
PHOTO_SUFFIXES = {
    *COMMON_SUFFIXES,
    *(".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp"),
    *(".jpg_large", ".jpeg_large", ".png_large", ".apng"),
}


@dataclass(frozen=True)
class Photo:
    """A photograph to be censored.

    Attributes:
        name: path of the photograph, relative to the input folder.
        target: path of the censored image, relative to the output folder.
    """

    name: Path
    target: Path


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is not censored, and therefore missing from the output.

    Attributes:
        name: its path, relative to the input folder.
        reason: why it is skipped.
    """

    name: Path
    reason: str

    def __str__(self) -> str:
        """Return path and reason on one line."""
        return f"{escape_path(self.name)}: {' '.join(self.reason.split())}"


@dataclass(frozen=True)
class PhotoFolder:
    """The contents of a folder.

    Attributes:
        folder: the folder.
        photos: photographs to censor, in the order of their names.
        skipped: photographs that cannot be censored, and folders that cannot be read.
        non_images: files that are not images, by their paths relative to the folder.
    """

    folder: Path
    photos: list[Photo] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    non_images: list[Path] = field(default_factory=list)


def find_photos(source: Path, suffix: str) -> PhotoFolder:
    """Find all photographs in a folder and its subfolders, or a single one, by their content.

    Links are not followed: they may lead to files outside of the folder, or in circles. Pipes,
    sockets and devices are not opened.

    Args:
        source: the folder to search, or the photograph.
        suffix: suffix of the censored images.
    """
    is_single = source.is_file()
    folder = source.resolve().parent if is_single else source
    found = PhotoFolder(folder)
    reserved: dict[str, Path] = {}  # photographs by their normalized targets
    names = (
        [(Path(source.resolve().name), False)] if is_single else walk_files(folder, found.skipped)
    )
    for name, is_link in names:
        try:
            if is_link:
                raise UndecodableImageError("it is a link, and links are not followed")
            header = read_header(folder / name)
        except UndecodableImageError as error:
            found.skipped.append(Skipped(name, str(error)))
            continue
        extension, is_hidden = name.suffix.lower(), name.name.startswith(".")
        unsupported = unsupported_format(header, extension)
        has_photo_name = extension in PHOTO_SUFFIXES and not is_hidden
        if is_supported(header, extension) or (has_photo_name and not unsupported):
            target = target_path(name, suffix)
            if (reason := reserve_target(name, target, reserved, folder)) is None:
                found.photos.append(Photo(name, target))
            else:
                found.skipped.append(Skipped(name, reason))
        elif unsupported and not name.name.startswith("._"):  # macOS metadata
            remedy = f", or {PHOTOS_EXTRA}" if unsupported == HEIC else ""
            reason = (
                f"its format ({unsupported}) is not supported: convert it to JPEG or PNG{remedy}"
            )
            found.skipped.append(Skipped(name, reason))
        else:
            found.non_images.append(name)
    return found


def reserve_target(name: Path, target: Path, reserved: dict[str, Path], folder: Path) -> str | None:
    """Reserve the target of a photograph. Return None, or the reason why that is impossible.

    Args:
        name: path of the photograph, relative to the folder.
        target: path of its censored version.
        reserved: photographs by the targets that are reserved; this one is added.
        folder: the input folder.
    """
    if name.name.startswith("."):
        return "its name begins with a dot, like the names of hidden files: rename it"
    # some file systems ignore case, and the different Unicode forms of an umlaut
    normalized = unicodedata.normalize("NFC", str(target)).casefold()
    first = reserved.setdefault(normalized, name)
    if first == name and not (folder / target).is_dir():
        return None
    other = first if first != name else target
    return f"its censored version would be named like that of {escape_path(other)}: rename one"


def target_path(name: Path, suffix: str) -> Path:
    """Return the path of a photograph's censored version.

    The suffix replaces a common one and is appended to any other, so that a.jpg, a.jfif and a file
    called a have different targets.
    """
    is_common = name.suffix.lower() in COMMON_SUFFIXES
    return name.with_suffix(suffix) if is_common else name.with_name(name.name + suffix)


def walk_files(folder: Path, skipped: list[Skipped]) -> Iterator[tuple[Path, bool]]:
    """Yield the relative path of every file below a folder, and whether it is a link.

    Links to folders are yielded as links.

    Args:
        folder: the folder to walk.
        skipped: folders that cannot be read are appended.
    """

    def add_unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder)
        skipped.append(Skipped(name, f"this folder cannot be read ({error.strerror})"))

    for path, folders, files in os.walk(folder, onerror=add_unreadable):
        folders.sort()
        here = Path(path)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            yield (here / name).relative_to(folder), (here / name).is_symlink()


def escape_path(name: Path) -> str:
    """Return a path as text that is safe to print: invalid and control characters are escaped."""
    text = str(name).encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
