"""Images with labels from anywhere, as a source for the image cache."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.attributes import UNKNOWN, DataAttributes
from privacy_gan.data.assignment import GIVEN
from privacy_gan.data.decoding import DECODING_VERSION
from privacy_gan.data.image_files import (
    DamagedError,
    StoredImages,
    check_crop,
    decode_image,
    resize_to_square,
    to_channels,
)
from privacy_gan.errors import UserError

logger = logging.getLogger(__name__)

# whatever a file's suffix is, its content says what it is
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True)
class LabelledImages:
    """Images with their labels and splits.

    Attributes:
        name: name of the data set.
        stored: where the images are.
        files: names of the images there, in the order of the labels.
        image_size: side of the square that each image is resized to.
        attribute_names: names of the attributes.
        classes: names of each attribute's values.
        attributes: uint8 [N, A], numbers of classes, or ``UNKNOWN``.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        key: hash of the labels and splits; the content key, if it is not None.
        person_ids: the person in each image, [N]; None if that is not known.
        layout: what kind of folder it is, in words.
        channels: 3, or 1 for grey images.
        crop: side of a centre crop taken before resizing; None to resize the whole image.
        origin: where the splits come from, in words; ``GIVEN`` if none was made here.
        unusable: why other columns of the labels are not attributes, by their names.
        notes: lines about how images and labels were read, which are logged when they are used.
        column_notes: lines about columns that are not attributes or lack values, logged with them.
    """

    name: str
    stored: StoredImages
    files: tuple[str, ...]
    image_size: int
    attribute_names: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...]
    attributes: npt.NDArray[np.uint8] = field(repr=False)
    splits: npt.NDArray[np.uint8] = field(repr=False)
    key: str | None = None
    person_ids: npt.NDArray[np.int64] | None = field(default=None, repr=False)
    layout: str = ""
    channels: int = 3
    crop: int | None = None
    origin: str = GIVEN
    unusable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    column_notes: tuple[str, ...] = ()

    @property
    def known_attributes(self) -> DataAttributes:
        """The attributes, and why other columns are none."""
        classes = dict(zip(self.attribute_names, self.classes, strict=True))
        return DataAttributes(classes, self.measurable, self.unusable)

    def measurable(self, hidden: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the attributes whose classes all occur in every split.

        Args:
            hidden: attributes of which images without a value do not count.
        """
        columns = [self.attribute_names.index(name) for name in hidden]
        counts = (self.attributes[:, columns] != UNKNOWN).all(axis=1)
        splits = [self.attributes[counts & (self.splits == split)] for split in range(3)]
        return tuple(
            name
            for column, (name, classes) in enumerate(
                zip(self.attribute_names, self.classes, strict=True)
            )
            if all({*np.unique(each[:, column])} >= {*range(len(classes))} for each in splits)
        )

    def has_unknown(self, attribute: str) -> bool:
        """Return whether some images have no value of an attribute."""
        column = self.attributes[:, self.attribute_names.index(attribute)]
        return bool((column == UNKNOWN).any())

    def cache_key(self) -> str:
        """Hash the labels, and the images' names, sizes and times, without opening an image."""
        sizes = (self.image_size, self.channels, self.crop)
        settings = (DECODING_VERSION, *sizes, self.key, self.attribute_names, self.classes)
        digest = hashlib.sha256(repr(settings).encode())
        digest.update(self.attributes.tobytes() + self.splits.tobytes())
        digest.update(self.stored.signature(self.files, with_times=True))
        return digest.hexdigest()

    def content_key(self) -> str:
        """Return a hash of the labels and splits, and of the images' names and sizes in bytes."""
        if self.key is not None:
            return self.key
        names = (self.attribute_names, self.classes, self.crop, self.channels)
        digest = hashlib.sha256(repr(names).encode())
        digest.update(self.attributes.tobytes() + self.splits.tobytes())
        digest.update(self.stored.signature(self.files, with_times=False))
        return digest.hexdigest()[:16]

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return the attributes and the splits; log the notes."""
        for note in (*self.notes, *self.column_notes):
            logger.warning(note)
        return self.attributes, self.splits

    def persons(self) -> npt.NDArray[np.int64] | None:
        """Return the id of the person in each image, [N]; None if that is not known."""
        return self.person_ids

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Decode images ``start`` to ``stop`` into uint8 [stop - start, S, S, C], RGB or grey.

        Raises:
            UserError: an image cannot be decoded, or is too small to crop; names it.
        """
        squares = []
        for name in self.files[start:stop]:
            square = resize_to_square(self._decode(name), self.image_size, self.crop)
            squares.append(to_channels(square, self.channels))
        return np.stack(squares)

    def height_over_width(self, index: int) -> float:
        """Return the height over the width of what an image is resized from. Raises as images."""
        photo = self._decode(self.files[index])
        return 1.0 if self.crop is not None else photo.height / photo.width

    def _decode(self, name: str) -> Image.Image:
        try:
            photo = decode_image(self.stored, name)
        except DamagedError as error:
            raise UserError(f"{error}: delete it to exclude it") from error
        check_crop(photo, self.crop, name, self.stored.path)
        return photo


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
    files = sorted(walk_images(folder))
    if not files:
        raise UserError(f"{option}={folder} has no images (JPEG, PNG, WebP, BMP, GIF or TIFF)")
    return files


def walk_images(folder: Path) -> Iterator[str]:
    """Yield the relative paths of images in a folder and its subfolders, but of none hidden.

    Links to folders are followed, each folder once. Folders such as __MACOSX count as hidden.
    """
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(here)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        relative = Path(here).relative_to(folder).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        for name in names:
            is_image = name.lower().endswith(SUFFIXES) and not name.startswith(".")
            if is_image and os.path.isfile(f"{here}/{name}"):  # noqa: PTH113 - no Path per file
                yield f"{prefix}{name}"


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
