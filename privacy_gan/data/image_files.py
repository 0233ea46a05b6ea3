"""Image files in a folder or a zip, decoded into squares of one size."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

from PIL import Image

from privacy_gan.data.decoding import DATASET_FORMATS, UndecodableImageError, UnsupportedFormatError
from privacy_gan.data.decoding import decode as decode_file
from privacy_gan.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
ALIGNED_PREFIX = "img_align_celeba"  # begins the names of folders of CelebA's aligned images
ENCRYPTED_FLAG = 0x1  # of a zip's flags


class DamagedError(Exception):
    """A file does not hold what its name says: which, and why."""


class ImageCollection(Protocol):
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
        return [entry.name for entry in scan_images(self.path)]

    def read(self, name: str) -> bytes:
        """See StoredImages."""
        return (self.path / name).read_bytes()


class ImageZip:
    """The image files in a zip, in whichever of its folders.

    Raises:
        DamagedError: the file is damaged or not a zip.
        UserError: it holds several images of a name, or what cannot be unpacked.
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
        """See StoredImages."""
        return self._members

    def read(self, name: str) -> bytes:
        """See StoredImages."""
        return self._zip.read(self._members[name])


def members_by_name(members: list[zipfile.ZipInfo], path: Path) -> Mapping[str, zipfile.ZipInfo]:
    """Return a zip's images by their names without folders.

    Where a name occurs more than once and one folder is called as CelebA's, it is that folder's.

    Raises:
        UserError: names two that might be meant.
    """
    images = [
        member
        for member in members
        if is_image_name(member_path(member).name)
        and "__MACOSX" not in member_path(member).parts  # a folder that macOS adds, of no images
    ]
    folders = {member_path(member).parent for member in images}
    aligned = [folder for folder in folders if folder.name.lower().startswith(ALIGNED_PREFIX)]
    if find_duplicate(images) and len(aligned) == 1:
        images = [member for member in images if member_path(member).parent == aligned[0]]
    if pair := find_duplicate(images):
        first, second = (member.filename for member in pair)
        where = f"twice, as {first} and as {second}" if first != second else f"{first} twice"
        raise UserError(
            f"{path} holds an image {where}, and either may be meant: make a zip of the images "
            "that you mean, or extract them into a folder"
        )
    return {member_path(member).name: member for member in images}


def find_duplicate(images: list[zipfile.ZipInfo]) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo] | None:
    """Return the first two members of one name without folders, or None."""
    first: dict[str, zipfile.ZipInfo] = {}
    for member in images:
        if (other := first.setdefault(member_path(member).name, member)) is not member:
            return other, member
    return None


def member_path(member: zipfile.ZipInfo) -> PurePosixPath:
    """Return where a member of a zip lies; some programs for Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def check_unpackable(
    archive: zipfile.ZipFile, members: Collection[zipfile.ZipInfo], path: Path
) -> None:
    """Refuse a zip that is encrypted or packed in a way that Python does not unpack."""
    kinds = {(each.compress_type, each.flag_bits & ENCRYPTED_FLAG): each for each in members}
    for member in kinds.values():
        try:
            archive.open(member).close()
        except (RuntimeError, NotImplementedError) as error:  # the first where a password is needed
            raise UserError(
                f"{path} cannot be unpacked here ({error}): extract it into a folder beside it, "
                "and delete it or move it away"
            ) from error
        except zipfile.BadZipFile as error:
            raise DamagedError(f"{path} is truncated or damaged ({error})") from error


def is_image_name(name: str) -> bool:
    """Whether a file name is an image's; macOS leaves hidden `._000001.jpg` beside the images."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def open_images(path: Path) -> ImageCollection:
    """Open a folder or a zip; raises a `DamagedError` for a file that is not a zip."""
    return ImageFolder(path) if path.is_dir() else _open_zip(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open_zip(path: Path, mtime_ns: int) -> ImageZip:
    # One handle for each process, since opening means reading the index of 200,000 members;
    # a file that was replaced has another time and is opened anew.
    del mtime_ns
    return ImageZip(path)


def images_signature(path: Path) -> bytes:
    """Collect what changes with the images: name, size and time of each file, or of the zip."""
    if not path.is_dir():
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}".encode()
    stamps = []
    for entry in scan_images(path):
        status = entry.stat()
        stamps.append(f"{entry.name} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(sorted(stamps)).encode()


def scan_images(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the image files directly in a folder, and no pipe, folder or dangling link."""
    with os.scandir(folder) as entries:
        for entry in entries:
            # of a link that leads around in a circle an entry itself cannot tell
            is_file = Path(entry).is_file() if entry.is_symlink() else entry.is_file()
            if is_file and is_image_name(entry.name):
                yield entry


def decode(stored: ImageCollection, name: str) -> Image.Image:
    """Decode one image upright and as RGB, whatever colours the file has.

    Raises:
        DamagedError: names the image and says why it cannot be decoded.
        UserError: the system cannot read the file, which may well be sound.
    """
    try:
        return decode_file(BytesIO(stored.read(name)), DATASET_FORMATS)
    except UnsupportedFormatError as error:
        raise undecodable_error(stored, name, "not an image") from error
    except (UndecodableImageError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise undecodable_error(stored, name, error.__cause__ or error) from error
    except OSError as error:
        raise UserError(
            f"{name} in {stored.path} cannot be read ({error.strerror or error}): see that it can, "
            "and repeat the command"
        ) from error


def undecodable_error(stored: ImageCollection, name: str, reason: object) -> DamagedError:
    """Return what is said of an image that cannot be decoded."""
    return DamagedError(f"{name} in {stored.path} cannot be decoded ({reason})")


def resize_to_square(photo: Image.Image, size: int, crop: int | None) -> Image.Image:
    """Squeeze a photo into a square of `size` pixels, or the `crop` pixels wide centre of it."""
    if crop is not None:
        left, top = (photo.width - crop) // 2, (photo.height - crop) // 2
        photo = photo.crop((left, top, left + crop, top + crop))
    # Pillow widens the filter when it shrinks an image: this bilinear resize is antialiased.
    square = (size, size)
    return photo if photo.size == square else photo.resize(square, Image.Resampling.BILINEAR)
