"""Image files in a folder or a zip, decoded into squares of one size."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


class DamagedError(Exception):
    """A file does not hold what its name says: which, and why."""


class StoredImages(Protocol):
    """Image files by their names, without folders."""

    path: Path

    def names(self) -> Collection[str]:
        """Return all names, in no order."""

    def read(self, name: str) -> bytes:
        """Return a file's content."""


class ImageFolder:
    """The image files directly in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> Collection[str]:
        """See StoredImages."""
        return [path.name for path in self.path.iterdir() if is_image_name(path.name)]

    def read(self, name: str) -> bytes:
        """See StoredImages."""
        return (self.path / name).read_bytes()


class ImageZip:
    """The image files in a zip, in whichever of its folders.

    Raises:
        DamagedError: the file is damaged or not a zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise DamagedError(f"{path} is truncated or damaged ({error})") from error
        self._members = {
            member.rsplit("/", 1)[-1]: member
            for member in self._zip.namelist()
            if is_image_name(member.rsplit("/", 1)[-1])
        }

    def names(self) -> Collection[str]:
        """See StoredImages."""
        return self._members

    def read(self, name: str) -> bytes:
        """See StoredImages."""
        return self._zip.read(self._members[name])


def is_image_name(name: str) -> bool:
    """Whether a file name is an image's; macOS leaves hidden `._000001.jpg` beside the images."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def open_images(path: Path) -> StoredImages:
    """Open a folder or a zip; raises a `DamagedError` for a file that is not a zip."""
    return ImageFolder(path) if path.is_dir() else _open_zip(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open_zip(path: Path, mtime_ns: int) -> ImageZip:
    # One handle for each process, since opening means reading the index of 200,000 members;
    # a file that was replaced has another time and is opened anew.
    del mtime_ns
    return ImageZip(path)


def stamp_images(path: Path) -> bytes:
    """Collect what changes with the images: name, size and time of each file, or of the zip."""
    if not path.is_dir():
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}".encode()
    with os.scandir(path) as entries:
        stamps = [
            f"{entry.name} {status.st_size} {status.st_mtime_ns}"
            for entry in entries
            if is_image_name(entry.name) and (status := entry.stat())
        ]
    return "\n".join(sorted(stamps)).encode()


def decode(stored: StoredImages, name: str) -> Image.Image:
    """Decode one image upright and as RGB, whatever colours the file has.

    Raises a `DamagedError` that names the image and says why it cannot be decoded.
    """
    try:
        with Image.open(BytesIO(stored.read(name))) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            return photo.convert("RGB")
    # Damaged bytes lead decoders to errors of many kinds, not only OSError.
    except Exception as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise DamagedError(f"{name} in {stored.path} cannot be decoded ({reason})") from error


def squared(photo: Image.Image, size: int, crop: int | None) -> Image.Image:
    """Squeeze a photo into a square of `size` pixels, or the `crop` pixels wide centre of it."""
    if crop is not None:
        left, top = (photo.width - crop) // 2, (photo.height - crop) // 2
        photo = photo.crop((left, top, left + crop, top + crop))
    # Pillow widens the filter when it shrinks an image: this bilinear resize is antialiased.
    square = (size, size)
    return photo if photo.size == square else photo.resize(square, Image.Resampling.BILINEAR)
