"""What every data set of images must be able to tell before its images are cached.

Nothing here imports torch, which takes seconds to start.
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


class ImageSource(Protocol):
    """Something that can draw or decode N images; worker processes get it pickled."""

    @property
    def name(self) -> str:
        """Begins the cache folder's name, for example `celeba-64`."""

    @property
    def image_size(self) -> int:
        """The side S of the square images, in pixels."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the A attributes, in the order of the labels' columns."""

    def fingerprint(self) -> str:
        """Return hexadecimal digits that change whenever the images or the labels would."""

    def content_key(self) -> str:
        """Return hexadecimal digits that tell these images from others, wherever copies lie."""

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Attributes uint8 [N, A] in {0, 1} and splits uint8 [N], 0 train, 1 valid, 2 test."""

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Images `start` to `stop` as uint8 [stop - start, S, S, 3], RGB in 0 to 255."""


# by the data modules that serve them
SOURCES: dict[str, Callable[..., ImageSource]] = {
    "privacy_gan.data.celeba.CelebADataModule": CelebASource,
    "privacy_gan.data.synthetic_faces.SyntheticFacesDataModule": SyntheticFacesSource,
}


def content_key(data: Mapping[str, Any]) -> str | None:
    """Return what ``content_key`` of the data module would be, or None where that takes torch.

    Args:
        data: how the data module is configured, ``_target_`` included.

    Raises:
        UserError: files are missing or damaged.
    """
    source = SOURCES.get(data["_target_"])
    if source is None:
        return None
    arguments = {name: data[name] for name in inspect.signature(source).parameters}
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
    return source(**arguments).content_key()
