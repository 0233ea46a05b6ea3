"""An image file decoded into an upright image in sRGB, of 8 bits and without transparency.

Training, audits, `privatize` and the demo all decode here, so that what is learned from, what is
audited and what is handed out are the same pixels.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

DECODING_VERSION = 2  # raise it when the same files come out as other pixels

# Pillow knows many more formats, and some of their readers start other programs.
PHOTOGRAPHS = ("JPEG", "PNG", "WEBP")
STORED = (*PHOTOGRAPHS, "BMP", "GIF", "TIFF")  # what data sets are made of, whatever their suffix
MOST_PIXELS = 89_478_485  # a quarter of a gigabyte of colours, where Pillow begins to warn
MOST_WIDE = 65_500  # or high, which is what a JPEG can be
GREY = ("1", "L", "LA")
# What a PNG of few bits calls transparent, in the steps that Pillow decodes it to.
KEY_STEPS = {"L;2": 85, "L;4": 17}
BITS, MEANING = 258, 262  # a TIFF's bits of each sample, and whether 0 is black (1)


class UnreadablePhoto(Exception):
    """A file is no image that can be decoded: why."""


class NoPhoto(UnreadablePhoto):
    """A file is of none of the formats that are read."""


def decode(file: Path | IO[bytes], formats: tuple[str, ...] = PHOTOGRAPHS) -> Image.Image:
    """Decode an image, turned as its camera was held, on white where it is transparent.

    Of several images in a file it is the first. Of 16 bits, of greys as of colours, the upper 8
    are taken: k * 257 becomes k, and 65535 becomes 255.

    Args:
        file: where it lies, or its content.
        formats: Pillow's names of those that are read.

    Returns:
        RGB, as sRGB; colours are converted where the file has a profile of others.

    Raises:
        UnreadablePhoto: it is damaged, too large, or in a format or with values that are not read.
        OSError: with a number, where the file system failed.
    """
    try:
        with Image.open(file, formats=formats) as photo:
            require_sane_size(photo)
            profile = photo.info.get("icc_profile")
            correct_transparent_colour(photo)
            ImageOps.exif_transpose(photo, in_place=True)
            return as_srgb(opaque(photo), profile)
    except (UnreadablePhoto, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise NoPhoto("it is no JPEG, PNG or WebP image") from error
    except Image.DecompressionBombError as error:
        raise too_large() from error
    except OSError as error:
        if error.errno is not None:  # the file system's, not a decoder's
            raise
        raise UnreadablePhoto(f"it cannot be read ({error})") from error
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


def correct_transparent_colour(photo: Image.Image) -> None:
    """Have a PNG's transparent colour in the steps of the pixels, which Pillow leaves as it was."""
    key = photo.info.get("transparency")
    stored = photo.tile[0][3] if isinstance(photo, ImageFile.ImageFile) and photo.tile else None
    if isinstance(key, int) and stored in KEY_STEPS:
        photo.info["transparency"] = key * KEY_STEPS[stored]
    elif isinstance(key, tuple) and stored == "RGB;16B":
        photo.info["transparency"] = tuple(value >> 8 for value in key)


def opaque(photo: Image.Image) -> Image.Image:
    """Return a photograph of 8 bits, on white where it is transparent.

    What lies beneath transparent pixels is not seen, and must not be handed out either. Opacity
    itself is seen by whoever has the file.
    """
    if photo.mode.startswith("I") or photo.mode == "F":
        return eight_bits(photo)
    if not photo.has_transparency_data:
        return photo
    shown = Image.new("RGBA", photo.size, "white")
    shown.alpha_composite(photo.convert("RGBA"))
    return shown.convert("L" if photo.mode in GREY else "RGB")


def eight_bits(photo: Image.Image) -> Image.Image:
    """Return the upper 8 of greys of 16 bits, as Pillow does with colours.

    Raises:
        UnreadablePhoto: it is not known what is white, as with 32 bits.
    """
    # older Pillows decode a PNG of 16 bits into 32
    if not photo.mode.startswith("I;16") and (photo.mode, photo.format) != ("I", "PNG"):
        raise UnreadablePhoto(
            "its greys have 32 bits or are signed, so that it is not known which of them is white: "
            "save it with 8 or 16 bits"
        )
    tags = getattr(photo, "tag_v2", {})
    if (tags.get(BITS, (16,))[0], tags.get(MEANING, 1)) != (16, 1):
        raise UnreadablePhoto("its greys have 12 bits or are inverted: save it with 8 or 16 bits")
    values = np.asarray(photo).astype(np.int64)
    greys = values >> 8
    if (key := photo.info.get("transparency")) is not None:
        greys[values == key] = 255
    return Image.fromarray(greys.astype(np.uint8))


def as_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image with the colours that its profile says, as sRGB; sRGB where there is none."""
    if image.mode == "LAB":
        return converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    own = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    if profile:
        try:
            return converted(own, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):  # damaged, or of other colours than the pixels
            pass
    return own.convert("RGB")


def converted(image: Image.Image, given: ImageCms.ImageCmsProfile) -> Image.Image:
    """Return an image of the colours that a profile says as sRGB."""
    as_said = ImageCms.profileToProfile(
        image, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert as_said is not None  # it is where the image is not converted in place
    return as_said
