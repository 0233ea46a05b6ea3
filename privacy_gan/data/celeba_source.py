"""CelebA's faces as squares of one size, read from whichever files a user has."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from privacy_gan.data.celeba_files import (
    ImageList,
    find_celeba_files,
    is_image_name,
    read_attribute_list,
    read_attribute_names,
    read_partition_list,
    release_error,
    require_not_html,
    require_same_images,
)
from privacy_gan.errors import UserError

DECODING_VERSION = 1  # raise it when the same files come out as other pixels or labels


@dataclass(frozen=True)
class CelebASource:
    """CelebA in `root` at `image_size` pixels, with its official splits and all its attributes.

    `crop` cuts the centre of `crop` x `crop` pixels out of each image first; without it the whole
    image is squeezed into the square. Raises a `UserError` for sizes that cannot be; its methods
    raise one for files that are missing, damaged or disagree.
    """

    root: Path
    image_size: int
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.image_size < 1 or self.image_size % 16:
            below = max(self.image_size, 0) // 16 * 16
            nearest = " or ".join(str(size) for size in (below, below + 16) if size)
            raise UserError(f"image_size={self.image_size} is not a multiple of 16: use {nearest}")
        if self.crop is not None and self.crop < 1:
            raise UserError(f"data.crop={self.crop} is no number of pixels: use null for no crop")

    @property
    def name(self) -> str:
        """Names the cache's folder, for example `celeba-64-crop178`."""
        return f"celeba-{self.image_size}" + (f"-crop{self.crop}" if self.crop else "")

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes (40 in the release), in the order of the file's header."""
        return read_attribute_names(find_celeba_files(self.root).attributes)

    def fingerprint(self) -> str:
        """Hash the lists' contents and the images' sizes and times, without opening an image."""
        files = find_celeba_files(self.root)
        how = (DECODING_VERSION, self.image_size, self.crop, self.content_key())
        digest = hashlib.sha256(repr(how).encode())
        digest.update(_stamp_images(files.images))
        return digest.hexdigest()

    def content_key(self) -> str:
        """Hash the lists alone, which say which images there are and what they show."""
        files = find_celeba_files(self.root)
        digest = hashlib.sha256()
        for path in (files.attributes, files.partition):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Attributes uint8 [N, A] in {0, 1} and splits uint8 [N], 0 train, 1 valid, 2 test.

        Images are in the attribute list's order. Raises a `UserError` unless both lists and the
        stored images are about the same file names.
        """
        files = find_celeba_files(self.root)
        attributes = read_attribute_list(files.attributes)
        partition = read_partition_list(files.partition)
        stored = _open_images(files.images).names()
        require_same_images(attributes.path, attributes.names, partition.path, partition.names)
        require_same_images(attributes.path, attributes.names, files.images, stored)
        # Keep the names that belong to these labels: pickling the source then carries them to
        # each worker process once, which need not parse the list again.
        self.__dict__["_names"] = attributes.names
        return attributes.values, _splits_in_order(partition, attributes.names)

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Decode images `start` to `stop` into uint8 [stop - start, S, S, 3], RGB in 0 to 255.

        Raises a `UserError` that names the image which cannot be decoded or is too small to crop.
        """
        stored = _open_images(find_celeba_files(self.root).images)
        names = self._names[start:stop]
        squares = np.empty((len(names), self.image_size, self.image_size, 3), np.uint8)
        for square, name in zip(squares, names, strict=True):
            square[:] = np.asarray(self._square(_decode(stored, name), name))
        return squares

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return read_attribute_list(find_celeba_files(self.root).attributes).names

    def _square(self, photo: Image.Image, name: str) -> Image.Image:
        if self.crop is not None:
            if self.crop > min(photo.size):
                raise UserError(
                    f"data.crop={self.crop} is larger than {name} in {self.root}, which has "
                    f"{photo.width}x{photo.height} pixels: use at most {min(photo.size)}"
                )
            left, top = (photo.width - self.crop) // 2, (photo.height - self.crop) // 2
            photo = photo.crop((left, top, left + self.crop, top + self.crop))
        size = (self.image_size, self.image_size)
        # Pillow widens the filter when it shrinks an image: this bilinear resize is antialiased.
        return photo if photo.size == size else photo.resize(size, Image.Resampling.BILINEAR)


class _StoredImages(Protocol):
    path: Path

    def names(self) -> Collection[str]: ...

    def read(self, name: str) -> bytes: ...


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> Collection[str]:
        return [path.name for path in self.path.iterdir() if is_image_name(path.name)]

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


class _Zip:
    def __init__(self, path: Path) -> None:
        require_not_html(path)
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise release_error(
                f"{path} is truncated or damaged ({error}): compare its size with the release's "
                "and download it again"
            ) from error
        self._members = {
            member.rsplit("/", 1)[-1]: member
            for member in self._zip.namelist()
            if is_image_name(member.rsplit("/", 1)[-1])
        }

    def names(self) -> Collection[str]:
        return self._members

    def read(self, name: str) -> bytes:
        return self._zip.read(self._members[name])


def _open_images(path: Path) -> _StoredImages:
    return _Folder(path) if path.is_dir() else _open_zip(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open_zip(path: Path, mtime_ns: int) -> _Zip:
    # One handle for each process, since opening means reading the index of 200,000 members;
    # a file that was replaced has another time and is opened anew.
    del mtime_ns
    return _Zip(path)


def _stamp_images(path: Path) -> bytes:
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


def _splits_in_order(partition: ImageList, names: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    splits = partition.values[:, 0]
    if partition.names == names:
        return splits
    row = {name: index for index, name in enumerate(partition.names)}
    return splits[[row[name] for name in names]]


def _decode(stored: _StoredImages, name: str) -> Image.Image:
    """Decode one image upright and as RGB, whatever colours the file has."""
    try:
        with Image.open(BytesIO(stored.read(name))) as photo:
            ImageOps.exif_transpose(photo, in_place=True)
            return photo.convert("RGB")
    # Damaged bytes lead decoders to errors of many kinds, not only OSError.
    except Exception as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise release_error(
            f"{name} in {stored.path} cannot be decoded ({reason}): replace it"
        ) from error
