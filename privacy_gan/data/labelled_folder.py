"""A folder of images with separate labels, as a source for the image cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.decoding import DECODING_VERSION
from privacy_gan.data.image_files import DamagedError, ImageFolder, decode_image, resize_to_square
from privacy_gan.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class LabelledFolder:
    """Images in a folder and its subfolders, with their labels and splits.

    Attributes:
        name: name of the data set.
        folder: the images' folder.
        files: paths of the images relative to it, in the order of the labels.
        image_size: side of the square that each image is resized to.
        attribute_names: names of the attributes.
        attributes: uint8 [N, A] in {0, 1}.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        key: hash of the labels and splits.
        person_ids: the person in each image, [N]; None if that is not known.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    image_size: int
    attribute_names: tuple[str, ...]
    attributes: npt.NDArray[np.uint8] = field(repr=False)
    splits: npt.NDArray[np.uint8] = field(repr=False)
    key: str
    person_ids: npt.NDArray[np.int64] | None = field(default=None, repr=False)

    def cache_key(self) -> str:
        """Hash the labels, and the images' names, sizes and times, without opening an image."""
        digest = hashlib.sha256(repr((DECODING_VERSION, self.image_size, self.key)).encode())
        digest.update(self.attributes.tobytes() + self.splits.tobytes())
        for name in self.files:
            status = (self.folder / name).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def content_key(self) -> str:
        """Return the hash of the labels and splits."""
        return self.key

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return the attributes and the splits."""
        return self.attributes, self.splits

    def persons(self) -> npt.NDArray[np.int64] | None:
        """Return the id of the person in each image, [N]; None if that is not known."""
        return self.person_ids

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Decode images ``start`` to ``stop`` into uint8 [stop - start, S, S, 3], RGB.

        Raises:
            UserError: an image cannot be decoded; names it.
        """
        stored = ImageFolder(self.folder)
        squares = []
        for name in self.files[start:stop]:
            try:
                squares.append(
                    np.asarray(resize_to_square(decode_image(stored, name), self.image_size, None))
                )
            except DamagedError as error:
                raise UserError(f"{error}: delete it to exclude it") from error
        return np.stack(squares)


def find_images(folder: Path, option: str) -> list[str]:
    """Return the sorted relative paths of the images in a folder and its subfolders.

    Args:
        folder: the images' folder.
        option: name of the option that gives it, for messages.

    Raises:
        UserError: the folder is missing or has no images.
    """
    if not folder.is_dir():
        raise UserError(f"{option}={folder} is not a folder: give the folder with the images")
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise UserError(f"{option}={folder} has no images (JPEG, PNG or WebP)")
    return files


def image_sizes(folder: Path, files: Sequence[str]) -> set[tuple[int, int]]:
    """Return the widths and heights that occur among images.

    Raises:
        UserError: a file is not a readable image; names it.
    """
    sizes = set()
    for name in files:
        try:
            with Image.open(folder / name) as image:
                sizes.add(image.size)
        except Exception as error:  # Pillow raises many types of errors
            raise UserError(
                f"{name} in {folder} is not a readable image: delete it to exclude it"
            ) from error
    return sizes
