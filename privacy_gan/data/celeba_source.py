"""CelebA's faces as squares of one size, read from whichever files a user has."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
    decode,
    images_signature,
    open_images,
    resize_to_square,
)
from privacy_gan.errors import UserError

logger = logging.getLogger(__name__)

OFFICIAL_SPLITS = b"by number"  # stands for the list of splits that a copy lacks


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
            raise UserError(
                f"data.crop={self.crop} is not a number of pixels: use null for no crop"
            )

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
        digest.update(images_signature(files.images))
        return digest.hexdigest()

    def content_key(self) -> str:
        """Hash the lists alone, which say which images there are and what they show."""
        files = find_celeba_files(self.root)
        digest = hashlib.sha256()
        for path in (files.attributes, files.partition):
            content = OFFICIAL_SPLITS if path is None else path.read_bytes()
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()[:16]

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Attributes uint8 [N, A] in {0, 1} and splits uint8 [N], 0 train, 1 valid, 2 test.

        Images are in the attribute list's order. Says in a line what the
        files lack and how names were matched that differ. Raises a `UserError` unless both lists
        and the stored images are about the same images.
        """
        files = find_celeba_files(self.root)
        attributes = read_attribute_list(files.attributes)
        if attributes.declared_count not in (None, len(attributes.names)):
            logger.warning(
                f"{attributes.path} announces {attributes.declared_count:,} images in its first line, "
                f"and {len(attributes.names):,} follow"
            )
        splits = self._splits(files, attributes)
        stored, notes = _stored_names(files, attributes)
        for note in notes:
            logger.warning(note)
        # Keep the names that belong to these labels: pickling the source then carries them to
        # each worker process once, which need not parse the list again.
        self.__dict__["_names"] = stored
        return attributes.values, splits

    def _splits(self, files: CelebaFiles, attributes: ImageList) -> npt.NDArray[np.uint8]:
        if files.partition is None:
            splits = official_splits(attributes.names, self.root)
            logger.warning(
                f"{self.root} has no list_eval_partition: images are divided by their numbers, as "
                "CelebA's own list divides them"
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

        Raises a `UserError` that names the image which cannot be decoded or is too small to crop.
        """
        stored = _open(find_celeba_files(self.root).images)
        names = self._names[start:stop]
        squares = np.empty((len(names), self.image_size, self.image_size, 3), np.uint8)
        for square, name in zip(squares, names, strict=True):
            try:
                photo = decode(stored, name)
            except DamagedError as error:
                raise release_error(f"{error}: replace it") from error
            if self.crop is not None and self.crop > min(photo.size):
                raise UserError(
                    f"data.crop={self.crop} is larger than {name} in {self.root}, which has "
                    f"{photo.width}x{photo.height} pixels: use at most {min(photo.size)}"
                )
            square[:] = np.asarray(resize_to_square(photo, self.image_size, self.crop))
        return squares

    @cached_property
    def _names(self) -> list[str]:
        files = find_celeba_files(self.root)
        return _stored_names(files, read_attribute_list(files.attributes))[0]


def _stored_names(files: CelebaFiles, attributes: ImageList) -> tuple[list[str], tuple[str, ...]]:
    """Return the images' files in the order of the list, and how their names were matched."""
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
