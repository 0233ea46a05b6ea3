"""The interface of a data set whose images go through the image cache.

This module does not import torch, which takes seconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.faces.source import SyntheticFacesSource
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
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the A attributes, in the order of the labels' columns."""

    def cache_key(self) -> str:
        """Return a hexadecimal hash that changes whenever the images or labels change."""

    def content_key(self) -> str:
        """Return a hexadecimal hash that is the same for every copy of the files."""

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes uint8 [N, A] in {0, 1}, splits uint8 [N]: 0 train, 1 valid, 2 test."""

    def persons(self) -> npt.NDArray[np.int64] | None:
        """Return the id of the person in each image, [N]; None if that is not known."""

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return images `start` to `stop`, uint8 [stop - start, S, S, 3], RGB."""


# keys: paths of the data modules that serve these sources
SOURCES: dict[str, Callable[..., ImageSource]] = {
    "privacy_gan.data.celeba.CelebADataModule": CelebASource,
    "privacy_gan.data.synthetic_faces.SyntheticFacesDataModule": SyntheticFacesSource,
}


def data_key(data: Mapping[str, Any]) -> str | None:
    """Return a data module's ``data_key`` without importing torch.

    Args:
        data: the data module's configuration, including ``_target_``.

    Returns:
        The data key, or None if ``SOURCES`` does not list the data module.

    Raises:
        UserError: files are missing or damaged.
    """
    source = SOURCES.get(data["_target_"])
    if source is None:
        return None
    arguments = {name: data[name] for name in inspect.signature(source).parameters}
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
    opened = source(**arguments)
    certify = float(data.get("certify", 0.0))
    return key_with_persons(opened.content_key(), opened.persons() if certify else None, certify)
