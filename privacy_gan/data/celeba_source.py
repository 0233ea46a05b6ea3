"""CelebA as a source for the image cache, read from any of its layouts."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.binary_attributes import BinaryAttributes
from privacy_gan.data.celeba_files import (
    CelebaFiles,
    ImageList,
    check_not_html,
    find_celeba_files,
    match_image_names,
    official_splits,
    read_attribute_list,
    read_attribute_names,
    read_partition_list,
    release_error,
)
from privacy_gan.data.decoding import DECODING_VERSION
from privacy_gan.data.image_files import (
    DamagedError,
    ImageCollection,
    check_crop,
    check_sizes,
    decode_image,
    images_signature,
    open_images,
    resize_to_square,
)
from privacy_gan.data.persons import Ids, read_identities
from privacy_gan.data.text_tables import declared_count_note

logger = logging.getLogger(__name__)

OFFICIAL_SPLITS = b"by number"  # hashed in place of a missing list of splits


@dataclass(frozen=True)
class CelebASource(BinaryAttributes):
    """CelebA with its official splits and all its attributes.

    Methods raise `UserError` for files that are missing, damaged or inconsistent.

    Args:
        root: folder with the images and lists.
        image_size: side of the square images in pixels, a multiple of 16.
        crop: side of a centre crop taken before resizing; None to resize the whole image.

    Raises:
        UserError: a size is invalid.
    """

    root: Path
    image_size: int
    crop: int | None = None

    def __post_init__(self) -> None:
        check_sizes(self.image_size, self.crop)

    @property
    def name(self) -> str:
        """The first part of the cache folder's name, for example `celeba-64-crop178`."""
        return f"celeba-{self.image_size}" + (f"-crop{self.crop}" if self.crop else "")

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attribute names (40 in the release), in the order of the file's header."""
        return read_attribute_names(find_celeba_files(self.root).attributes)

    def cache_key(self) -> str:
        """Hash the lists and the images' sizes and modification times. No image is opened."""
        files = find_celeba_files(self.root)
        settings = (DECODING_VERSION, self.image_size, self.crop, self.content_key())
        digest = hashlib.sha256(repr(settings).encode())
        digest.update(images_signature(files.images))
        return digest.hexdigest()

    def content_key(self) -> str:
        """Hash only the lists, which determine the images and their labels."""
        files = find_celeba_files(self.root)
        digest = hashlib.sha256()
        for path in (files.attributes, files.partition):
            content = OFFICIAL_SPLITS if path is None else path.read_bytes()
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes uint8 [N, A] in {0, 1}, splits uint8 [N]: 0 train, 1 valid, 2 test.

        Images are in the order of the attribute list. Logs a warning for a missing list of splits
        and for names that differ between the files.

        Raises:
            UserError: the lists and the image files do not have the same images.
        """
        files = find_celeba_files(self.root)
        attributes = read_attribute_list(files.attributes)
        if attributes.declared_count not in (None, len(attributes.names)):
            note = declared_count_note(
                attributes.path, attributes.declared_count, len(attributes.names)
            )
            logger.warning(note)
        splits = self._splits(files, attributes)
        stored, notes = _stored_names(files, attributes)
        for note in notes:
            logger.warning(note)
        # Set the cached property to the names of these labels. They are pickled with the source,
        # so worker processes need not parse the list again.
        self.__dict__["_names"] = stored
        return attributes.values, splits

    def persons(self) -> Ids | None:
        """Return the id of the person in each image, [N], from the list of identities.

        None without such a list. Logs a warning for images that it lacks.

        Raises:
            UserError: the list is damaged.
        """
        files = find_celeba_files(self.root)
        if files.identities is None:
            return None
        check_not_html(files.identities)
        ids, notes = read_identities(files.identities, read_attribute_list(files.attributes).names)
        for note in notes:
            logger.warning(note)
        return ids

    def _splits(self, files: CelebaFiles, attributes: ImageList) -> npt.NDArray[np.uint8]:
        if files.partition is None:
            splits = official_splits(attributes.names, self.root)
            logger.warning(
                f"{self.root} has no list_eval_partition: using the official split of each image's "
                "number"
            )
            return splits
        partition = read_partition_list(files.partition)
        names, notes = match_image_names(
            attributes.path, attributes.names, partition.path, partition.names
        )
        for note in notes:
            logger.warning(note)
        split_of = dict(zip(partition.names, partition.values[:, 0], strict=True))
        return np.array([split_of[name] for name in names], np.uint8)

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Decode images `start` to `stop` into uint8 [stop - start, S, S, 3], RGB in 0 to 255.

        Raises:
            UserError: an image cannot be decoded or is too small to crop; names it.
        """
        stored = _open(find_celeba_files(self.root).images)
        names = self._names[start:stop]
        squares = np.empty((len(names), self.image_size, self.image_size, 3), np.uint8)
        for square, name in zip(squares, names, strict=True):
            photo = self._decode(stored, name)
            square[:] = np.asarray(resize_to_square(photo, self.image_size, self.crop))
        return squares

    def height_over_width(self, index: int) -> float:
        """Return the height over the width of what an image is resized from. Raises as images."""
        stored = _open(find_celeba_files(self.root).images)
        photo = self._decode(stored, self._names[index])
        return 1.0 if self.crop is not None else photo.height / photo.width

    def _decode(self, stored: ImageCollection, name: str) -> Image.Image:
        try:
            photo = decode_image(stored, name)
        except DamagedError as error:
            raise release_error(f"{error}: replace it") from error
        check_crop(photo, self.crop, name, self.root)
        return photo

    @cached_property
    def _names(self) -> list[str]:
        files = find_celeba_files(self.root)
        return _stored_names(files, read_attribute_list(files.attributes))[0]


def _stored_names(files: CelebaFiles, attributes: ImageList) -> tuple[list[str], tuple[str, ...]]:
    """Return the image files in the order of the list, and notes on how names were matched."""
    stored = _open(files.images).names()
    return match_image_names(attributes.path, attributes.names, files.images, stored)


def _open(path: Path) -> ImageCollection:
    if not path.is_dir():
        check_not_html(path)
    try:
        return open_images(path)
    except DamagedError as error:
        raise release_error(
            f"{error}: compare its size with the release's and download it again"
        ) from error
