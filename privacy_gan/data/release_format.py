"""File formats of released images: 8 bits, with lossless or lossy compression."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

FLOAT = "float"  # the mechanism's output, not rounded to 8 bits
PNG = "png"
JPEG = re.compile(r"jpeg-(\d+)")


@dataclass(frozen=True)
class ReleaseFormat:
    """A file format for released images.

    Attributes:
        name: png or jpeg-QUALITY.
        suffix: file name suffix.
        options: arguments of Pillow's ``Image.save``.
    """

    name: str
    suffix: str
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, name: str) -> ReleaseFormat:
        """Return the format with this name.

        Raises:
            UserError: there is no such format.
        """
        if name == PNG:
            # level 6, the default, takes three times as long and saves a tenth of the file
            return cls(name, ".png", {"format": "PNG", "compress_level": 3})
        quality = int(match[1]) if (match := JPEG.fullmatch(name)) else 0
        if not 1 <= quality <= 100:
            raise UserError(
                f"released_as={name} is unknown: use png, or jpeg-QUALITY with a quality from 1 to "
                "100"
            )
        return cls(name, ".jpg", {"format": "JPEG", "quality": quality})

    def encode(self, image: Image.Image) -> bytes:
        """Encode an image's pixels as a file, without metadata."""
        pixels = Image.new(image.mode, image.size)
        pixels.paste(image)
        file = BytesIO()
        pixels.save(file, **self.options)
        return file.getvalue()


def to_picture(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Return pixels [H, W, C] as a picture, RGB or, for C = 1, grey."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def to_uint8(images: Tensor) -> Tensor:
    """Round images in [0, 1] to uint8.

    Raises:
        UserError: a value is not finite; rounding would make it black.
    """
    if not images.isfinite().all():
        raise UserError(
            "the mechanism returned an image with values that are not finite: compute in float32 "
            "(trainer.precision=32-true) or train it again"
        )
    return (images.float() * 255).round().clamp(0, 255).byte()
