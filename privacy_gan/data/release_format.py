"""How censored images are handed out: as files of 8 bits, compressed with or without loss."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from privacy_gan.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

FLOAT = "float"  # as the mechanism makes them, which no file holds
PNG = "png"
JPEG = re.compile(r"jpeg-(\d+)")


@dataclass(frozen=True)
class ReleaseFormat:
    """A file format.

    Attributes:
        name: png, or jpeg-QUALITY.
        suffix: of its files.
        options: of Pillow, which writes them.
    """

    name: str
    suffix: str
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, name: str) -> ReleaseFormat:
        """Return a format by its name.

        Raises:
            UserError: there is no such format.
        """
        if name == PNG:
            return cls(name, ".png", {"format": "PNG"})
        quality = int(found[1]) if (found := JPEG.fullmatch(name)) else 0
        if not 1 <= quality <= 100:
            raise UserError(
                f"released_as={name} is unknown: there are png, and jpeg-1 to jpeg-100, which is "
                "its quality"
            )
        return cls(name, ".jpg", {"format": "JPEG", "quality": quality})

    def encode(self, image: Image.Image) -> bytes:
        """Return a file with an image's pixels, and with nothing else that came with the image."""
        bare = Image.new(image.mode, image.size)
        bare.paste(image)
        file = BytesIO()
        bare.save(file, **self.options)
        return file.getvalue()


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [0, 1] as bytes in 0 to 255, uint8.

    Raises:
        UserError: a value is not finite: as a byte it would pass for black.
    """
    if not images.isfinite().all():
        raise UserError(
            "a mechanism made an image whose values are not finite: compute in float32, "
            "trainer.precision=32-true, or train it again"
        )
    return (images.float() * 255).round().clamp(0, 255).byte()
