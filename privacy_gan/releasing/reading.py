"""Photographs read with care: whoever sent them may have meant harm."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from privacy_gan.data.image_files import squared

# Pillow knows many more formats, and some of their readers start other programs.
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 89_478_485  # a quarter of a gigabyte of colours, where Pillow begins to warn

MOST_WIDE = 65_500  # or high, which is what a JPEG can be

WHOLE, CENTER = FITS = ("whole", "center")


class UnreadablePhoto(Exception):
    """A file is no photograph that can be censored: why."""


@dataclass(frozen=True)
class Square:
    """What a mechanism gets of a photograph.

    Attributes:
        pixels: uint8 [S, S, 3], RGB.
        size: width and height that it had in the photograph.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]


def read_square(file: Path | BytesIO, side: int, fit: str) -> Square:
    """Read a photograph, turned as its camera was held, as a square in sRGB.

    Args:
        file: where it lies, or its content.
        side: of the square, in pixels.
        fit: "whole" squeezes all of the photograph into the square, "center" the largest square in
            its middle.

    Raises:
        UnreadablePhoto: it is damaged, too large or no photograph.
    """
    try:
        with Image.open(file, formats=FORMATS) as photo:
            require_sane_size(photo)
            profile = photo.info.get("icc_profile")
            ImageOps.exif_transpose(photo, in_place=True)
            opaque = without_transparency(photo)
        crop = min(opaque.size) if fit == CENTER else None
        square = squared(opaque, side, crop)
        pixels = np.asarray(as_srgb(square, profile))
        return Square(pixels, (crop, crop) if crop else opaque.size)
    except UnreadablePhoto:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePhoto("it is no JPEG, PNG or WebP image") from error
    except Image.DecompressionBombError as error:
        raise too_large() from error
    except MemoryError as error:
        raise UnreadablePhoto("it does not fit into the memory") from error
    except OSError as error:
        raise UnreadablePhoto(f"it cannot be read ({error.strerror or error})") from error
    except Exception as error:  # damaged bytes lead decoders to errors of many kinds
        raise UnreadablePhoto(f"it cannot be decoded ({error})") from error


def require_sane_size(photo: Image.Image) -> None:
    """Refuse a photograph by what its header says, before anything is decoded."""
    if photo.width * photo.height > MOST_PIXELS:
        raise too_large()
    if max(photo.size) > MOST_WIDE:
        raise UnreadablePhoto(f"it is more than {MOST_WIDE:,} pixels wide or high")


def too_large() -> UnreadablePhoto:
    """Return why a photograph is refused."""
    return UnreadablePhoto(f"it has more than {MOST_PIXELS / 1e6:.0f} million pixels")


def without_transparency(photo: Image.Image) -> Image.Image:
    """Return a photograph of 8 bits, on white where it is transparent.

    What lies beneath transparent pixels is not seen, and must not be handed out either.
    """
    if photo.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        grey = np.asarray(photo).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    if not photo.has_transparency_data:
        return photo.copy() if photo.mode in ("RGB", "L", "CMYK") else photo.convert("RGB")
    opaque = Image.new("RGBA", photo.size, "white")
    opaque.alpha_composite(photo.convert("RGBA"))
    return opaque.convert("RGB")


def as_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image with the colours that its profile says, as sRGB; sRGB where there is none."""
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):  # damaged, or of other colours than the pixels
            pass
        else:
            assert converted is not None  # it is where the image is not converted in place
            return converted
    return image.convert("RGB")
