"""Photographs read with care, as a mechanism's squares: whoever sent them may have meant harm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from privacy_gan.data.decoding import UnreadablePhoto, decode
from privacy_gan.data.image_files import squared

WHOLE, CENTER = FITS = ("whole", "center")


@dataclass(frozen=True)
class Square:
    """What a mechanism gets of a photograph.

    Attributes:
        pixels: uint8 [S, S, 3], RGB.
        size: width and height that it had in the photograph.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]


def read_square(file: Path | IO[bytes], side: int, fit: str) -> Square:
    """Read a photograph, turned as its camera was held, as a square in sRGB.

    Args:
        file: where it lies, or its content.
        side: of the square, in pixels.
        fit: "whole" squeezes all of the photograph into the square, "center" the largest square in
            its middle.

    Raises:
        UnreadablePhoto: it is damaged, too large, unreadable or no photograph.
    """
    try:
        photo = decode(file)
        crop = min(photo.size) if fit == CENTER else None
        return Square(np.asarray(squared(photo, side, crop)), (crop, crop) if crop else photo.size)
    except MemoryError as error:
        raise UnreadablePhoto("it does not fit into the memory") from error
    except OSError as error:
        raise UnreadablePhoto(f"it cannot be read ({error.strerror})") from error
