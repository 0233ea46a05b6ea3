"""Read image files from a folder or a zip, and resize them to squares."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.decoding import (
    DATASET_FORMATS,
    UndecodableImageError,
    UnsupportedFormatError,
    decode,
)
from privacy_gan.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
ALIGNED_PREFIX = "img_align_celeba"  # of the folders with CelebA's aligned images
ENCRYPTED_FLAG = 0x1  # of a zip member


class DamagedError(Exception):
    """A file is damaged. The message names the file and the reason."""


class ImageCollection(Protocol):
    """Image files that are looked up by file name, without folders."""

    @property
    def path(self) -> Path:
        """Where the images are."""

    def names(self) -> Collection[str]:
        """Return all file names, in any order."""

    def read(self, name: str) -> bytes:
        """Return the content of a file."""


class StoredImages(Protocol):
    """Images that are looked up by name. It is pickled for worker processes."""

    @property
    def path(self) -> Path:
        """Where the images are."""

    def read(self, name: str) -> bytes:
        """Return the content of an image's file."""

    def signature(self, names: Sequence[str], with_times: bool) -> bytes:
        """Return what identifies images without reading them.

        Args:
            names: of the images.
            with_times: whether it includes modification times, which a copy may not keep.
        """


class ImageFolder:
    """The image files directly in a folder; by relative paths, those in its subfolders, too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> Collection[str]:
        """See ImageCollection."""
        return [entry.name for entry in scan_images(self.path)]

    def read(self, name: str) -> bytes:
        """See ImageCollection."""
        return (self.path / name).read_bytes()

    def signature(self, names: Sequence[str], with_times: bool) -> bytes:
        """See StoredImages."""
        stamps = []
        for name in names:
            status = (self.path / name).stat()
            time = f" {status.st_mtime_ns}" if with_times else ""
            stamps.append(f"{name} {status.st_size}{time}\n")
        return "".join(stamps).encode()


class ImageZip:
    """The image files in a zip, in any of its folders.

    Raises:
        DamagedError: the file is damaged or not a zip.
        UserError: several images have the same name, or a member cannot be unpacked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise DamagedError(f"{path} is truncated or damaged ({error})") from error
        self._members = members_by_name(self._zip.infolist(), path)
        check_unpackable(self._zip, self._members.values(), path)

    def names(self) -> Collection[str]:
        """See ImageCollection."""
        return self._members

    def read(self, name: str) -> bytes:
        """See ImageCollection."""
        return self._zip.read(self._members[name])


def members_by_name(members: list[zipfile.ZipInfo], path: Path) -> Mapping[str, zipfile.ZipInfo]:
    """Map file names without folders to the images in a zip.

    If a name occurs more than once and exactly one folder is named like CelebA's, only the images
    in that folder are used.

    Raises:
        UserError: several images have the same name; names two of them.
    """
    images = [
        member
        for member in members
        # macOS adds the folder __MACOSX, which has no images
        if is_image_name(member_path(member).name) and "__MACOSX" not in member_path(member).parts
    ]
    folders = {member_path(member).parent for member in images}
    aligned = [folder for folder in folders if folder.name.lower().startswith(ALIGNED_PREFIX)]
    if find_duplicate(images) and len(aligned) == 1:
        images = [member for member in images if member_path(member).parent == aligned[0]]
    if pair := find_duplicate(images):
        first, second = (member.filename for member in pair)
        which = f"{first} and {second}" if first != second else f"{first}, twice"
        raise UserError(
            f"{path} has two images with the same name, {which}: make a zip with only the images "
            "to use, or extract them into a folder"
        )
    return {member_path(member).name: member for member in images}


def find_duplicate(images: list[zipfile.ZipInfo]) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo] | None:
    """Return the first two members with the same name without folders, or None."""
    first: dict[str, zipfile.ZipInfo] = {}
    for member in images:
        if (other := first.setdefault(member_path(member).name, member)) is not member:
            return other, member
    return None


def member_path(member: zipfile.ZipInfo) -> PurePosixPath:
    """Return a member's path. Some Windows programs write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def check_unpackable(
    archive: zipfile.ZipFile, members: Collection[zipfile.ZipInfo], path: Path
) -> None:
    """Raise UserError if a zip is encrypted or uses a compression that Python does not support."""
    kinds = {(each.compress_type, each.flag_bits & ENCRYPTED_FLAG): each for each in members}
    for member in kinds.values():
        try:
            archive.open(member).close()
        except (RuntimeError, NotImplementedError) as error:  # RuntimeError: a password is needed
            raise UserError(
                f"{path} cannot be unpacked ({error}): extract it into a folder next to it, then "
                "delete or move the zip"
            ) from error
        except zipfile.BadZipFile as error:
            raise DamagedError(f"{path} is truncated or damaged ({error})") from error


def is_image_name(name: str) -> bool:
    """Return whether a file name has an image suffix and is not hidden like `._000001.jpg`."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def open_images(path: Path) -> ImageCollection:
    """Open a folder or a zip of images. Raise `DamagedError` if a file is not a zip."""
    return ImageFolder(path) if path.is_dir() else _open_zip(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open_zip(path: Path, mtime_ns: int) -> ImageZip:
    # One handle per process, because opening reads an index of 200,000 members. A replaced file
    # has a different modification time and is opened again.
    del mtime_ns
    return ImageZip(path)


def images_signature(path: Path) -> bytes:
    """Return the name, size and modification time of each file, or size and time of the zip."""
    if not path.is_dir():
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}".encode()
    stamps = []
    for entry in scan_images(path):
        status = entry.stat()
        stamps.append(f"{entry.name} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(sorted(stamps)).encode()


def scan_images(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the image files directly in a folder. Skip pipes, folders and broken links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            # an entry raises OSError for a circular link, where Path returns False
            is_file = Path(entry).is_file() if entry.is_symlink() else entry.is_file()
            if is_file and is_image_name(entry.name):
                yield entry


def decode_image(stored: ImageCollection | StoredImages, name: str) -> Image.Image:
    """Decode one image into an upright RGB image.

    Raises:
        DamagedError: the image cannot be decoded; names it and the reason.
        UserError: the operating system cannot read the file, which may be intact.
    """
    try:
        return decode(BytesIO(stored.read(name)), DATASET_FORMATS)
    except UnsupportedFormatError as error:
        raise undecodable_error(stored, name, "not an image") from error
    except (UndecodableImageError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise undecodable_error(stored, name, error.__cause__ or error) from error
    except OSError as error:
        raise UserError(
            f"{name} in {stored.path} cannot be read ({error.strerror or error}): make it readable "
            "and run the command again"
        ) from error


def undecodable_error(
    stored: ImageCollection | StoredImages, name: str, reason: object
) -> DamagedError:
    return DamagedError(f"{name} in {stored.path} cannot be decoded ({reason})")


def check_sizes(image_size: int, crop: int | None) -> None:
    """Check the sizes of images.

    Raises:
        UserError: a size is invalid.
    """
    if image_size < 1 or image_size % 16:
        below = max(image_size, 0) // 16 * 16
        nearest = " or ".join(str(size) for size in (below, below + 16) if size)
        raise UserError(f"image_size={image_size} is not a multiple of 16: use {nearest}")
    if crop is not None and crop < 1:
        raise UserError(f"data.crop={crop} is not a number of pixels: use null for no crop")


def check_crop(photo: Image.Image, crop: int | None, name: str, location: Path) -> None:
    """Check that a photo is not smaller than a centre crop of it.

    Raises:
        UserError: it is; names it.
    """
    if crop is not None and crop > min(photo.size):
        raise UserError(
            f"data.crop={crop} is larger than {name} in {location}, which has "
            f"{photo.width}x{photo.height} pixels: use at most {min(photo.size)}"
        )


def to_channels(image: Image.Image, channels: int) -> npt.NDArray[np.uint8]:
    """Return an RGB image's pixels, uint8 [H, W, 3], or its luminance, [H, W, 1]."""
    return np.asarray(image) if channels == 3 else np.asarray(image.convert("L"))[..., None]


def resize_to_square(photo: Image.Image, size: int, crop: int | None) -> Image.Image:
    """Resize a photo, or its central square of `crop` pixels, to a square of `size` pixels."""
    if crop is not None:
        left, top = (photo.width - crop) // 2, (photo.height - crop) // 2
        photo = photo.crop((left, top, left + crop, top + crop))
    # Pillow widens the filter when it shrinks an image, so this bilinear resize is antialiased.
    square = (size, size)
    return photo if photo.size == square else photo.resize(square, Image.Resampling.BILINEAR)
