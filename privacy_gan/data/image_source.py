"""The interface of a data set whose images go through the image cache.

This module does not import torch, which takes seconds.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from privacy_gan.attributes import DataAttributes
from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.set_aside import key_with_persons


class ImageSource(Protocol):
    """A data set that can draw or decode N images. It is pickled for worker processes."""

    @property
    def name(self) -> str:
        """The first part of the cache folder's name, for example `celeba-64`."""

    @property
    def image_size(self) -> int:
        """The side S of the square images, in pixels."""

    @property
    def channels(self) -> int:
        """The number C of channels: 3, or 1 for grey images."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the A attributes, in the order of the labels' columns."""

    @property
    def known_attributes(self) -> DataAttributes:
        """The attributes with their classes, in the order of the labels' columns."""

    def has_unknown(self, attribute: str) -> bool:
        """Return whether some images have no value of an attribute."""

    def cache_key(self) -> str:
        """Return a hexadecimal hash that changes whenever the images or labels change."""

    def content_key(self) -> str:
        """Return a hexadecimal hash that is the same for every copy of the files."""

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes uint8 [N, A], splits uint8 [N]: 0 train, 1 valid, 2 test.

        Attributes are numbers of classes, or ``UNKNOWN``.
        """

    def persons(self) -> npt.NDArray[np.int64] | None:
        """Return the id of the person in each image, [N]; None if that is not known."""

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return images `start` to `stop`, uint8 [stop - start, S, S, C], RGB or grey."""

    def height_over_width(self, index: int) -> float:
        """Return the height over the width of what an image was resized from."""


FOLDER = "privacy_gan.data.folder.FolderDataModule"
# keys: paths of the data modules that serve these sources
SOURCES: dict[str, Callable[..., ImageSource]] = {
    "privacy_gan.data.celeba.CelebADataModule": CelebASource,
    "privacy_gan.data.synthetic_faces.SyntheticFacesDataModule": SyntheticFacesSource,
    FOLDER: open_folder,
}


def open_source(data: Mapping[str, Any]) -> ImageSource | None:
    """Return a data module's source, or None if ``SOURCES`` does not list the data module.

    Args:
        data: the data module's configuration, including ``_target_``.

    Raises:
        UserError: files are missing or damaged.
    """
    source = SOURCES.get(data["_target_"])
    if source is None:
        return None
    names = {name: name for name in inspect.signature(source).parameters}
    if source is SyntheticFacesSource:
        names["seed"] = "drawing_seed"  # data.seed is the seed of the order of images
    arguments = {name: data[key] for name, key in names.items()}
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
        return source(**arguments)
    return _open_once(data["_target_"], json.dumps(arguments), _stamp(arguments))


def training_indices(source: ImageSource, number: int) -> list[int]:
    """Return the indices of some training images, at equal distances in the source's order.

    Args:
        source: the images.
        number: how many; all, if there are fewer.
    """
    _, splits = source.labels()
    indices = np.flatnonzero(splits == 0)
    places = np.linspace(0, len(indices) - 1, min(number, len(indices))).astype(int)
    return [int(index) for index in indices[places]]


@lru_cache(maxsize=4)
def _open_once(target: str, arguments: str, stamp: tuple[int, ...]) -> ImageSource:
    # once for all runs of a sweep, since a large table of labels takes many seconds
    del stamp
    return SOURCES[target](**json.loads(arguments))


def _stamp(arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """Return when the folder and the table of labels among some arguments were changed."""
    paths = [Path(arguments[name]) for name in ("images", "labels") if arguments.get(name)]
    return tuple(path.stat().st_mtime_ns for path in paths if path.exists())


def own_attributes(data: Mapping[str, Any]) -> DataAttributes | None:
    """Return the attributes of a folder's images without importing torch.

    Args:
        data: the data module's configuration, including ``_target_``.

    Returns:
        None for data sets whose attributes are known without opening them, and without a folder.

    Raises:
        UserError: files are missing or damaged.
    """
    source = open_source(data) if data["_target_"] == FOLDER else None
    return None if source is None else source.known_attributes


def data_key(data: Mapping[str, Any]) -> str | None:
    """Return a data module's ``data_key`` without importing torch.

    Args:
        data: the data module's configuration, including ``_target_``.

    Returns:
        The data key, or None if ``SOURCES`` does not list the data module.

    Raises:
        UserError: files are missing or damaged.
    """
    opened = open_source(data)
    if opened is None:
        return None
    certify = float(data.get("certify", 0.0))
    return key_with_persons(opened.content_key(), opened.persons() if certify else None, certify)
