"""A folder of images with labels from elsewhere, as a source of the image cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.decoding import DECODING_VERSION
from privacy_gan.data.image_files import DamagedError, ImageFolder, decode, resize_to_square
from privacy_gan.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class LabelledFolder:
    """Images that lie in a folder or below it, with their labels and splits.

    Attributes:
        name: of the data.
        folder: of the images.
        files: theirs, within it, in the order of the labels.
        image_size: side of the square that each is squeezed into.
        attribute_names: of the labels' columns.
        attributes: uint8 [N, A] in {0, 1}.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        key: tells these labels and splits from others.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    image_size: int
    attribute_names: tuple[str, ...]
    attributes: npt.NDArray[np.uint8] = field(repr=False)
    splits: npt.NDArray[np.uint8] = field(repr=False)
    key: str

    def fingerprint(self) -> str:
        """Hash the labels, and the images' names, sizes and times, without opening an image."""
        digest = hashlib.sha256(repr((DECODING_VERSION, self.image_size, self.key)).encode())
        digest.update(self.attributes.tobytes() + self.splits.tobytes())
        for name in self.files:
            status = (self.folder / name).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def content_key(self) -> str:
        """Return what tells these labels and splits from others."""
        return self.key

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes and splits."""
        return self.attributes, self.splits

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Decode images ``start`` to ``stop`` into uint8 [stop - start, S, S, 3], RGB.

        Raises:
            UserError: names the image that cannot be decoded.
        """
        stored = ImageFolder(self.folder)
        squares = []
        for name in self.files[start:stop]:
            try:
                squares.append(
                    np.asarray(resize_to_square(decode(stored, name), self.image_size, None))
                )
            except DamagedError as error:
                raise UserError(f"{error}: delete it, and it is left out") from error
        return np.stack(squares)


def find_images(folder: Path, option: str) -> list[str]:
    """Return the images in a folder and below it, by their paths within it, in order.

    Args:
        folder: of the images.
        option: that names it.

    Raises:
        UserError: the folder is missing or without images.
    """
    if not folder.is_dir():
        raise UserError(f"{option}={folder} is no folder: give the one that holds the images")
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise UserError(f"{option}={folder} holds no images (JPEG, PNG or WebP)")
    return found


def image_sizes(folder: Path, files: Sequence[str]) -> set[tuple[int, int]]:
    """Return which widths and heights images have.

    Raises:
        UserError: names one that is no image.
    """
    sizes = set()
    for name in files:
        try:
            with Image.open(folder / name) as image:
                sizes.add(image.size)
        except Exception as error:  # of many kinds
            raise UserError(
                f"{name} in {folder} is no image that can be read: delete it, and it is left out"
            ) from error
    return sizes
