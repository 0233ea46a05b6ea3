"""Decode an image file into an upright 8-bit sRGB image without transparency.

Training, audits, `privatize` and the demo all use this module, so they all see the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

DECODING_VERSION = 2  # raise it whenever the same files decode to other pixels

# Pillow reads many more formats, and some of its readers start other programs.
HEIF = "HEIF"  # read by pillow-heif
PHOTOS_EXTRA = "pip install 'privacy_gan[photos]'"
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", HEIF)
PHOTO_FORMAT_NAMES = "JPEG, PNG, WebP, TIFF or HEIC"
DATASET_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # whatever the suffix
MAX_PIXELS = 89_478_485  # 268 MB of RGB, where Pillow starts to warn
MAX_SIDE = 65_500  # pixels; the largest width and height of a JPEG
GREY_MODES = ("1", "L", "LA")
# Pillow scales the pixels of a 2-bit or 4-bit PNG by this factor, but not the transparent colour.
TRANSPARENCY_SCALE = {"L;2": 85, "L;4": 17}
# TIFF tags
NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC, DNG_VERSION = 254, 258, 262, 50706
ORIENTATION, QUARTER_TURNS = 274, range(5, 9)  # an EXIF tag, and the values that swap the sides
REDUCED_RESOLUTION = 1  # flag of NewSubfileType


class UndecodableImageError(Exception):
    """An image file cannot be decoded. The message gives the reason."""


class UnsupportedFormatError(UndecodableImageError):
    """A file is in none of the supported formats."""


def decode(
    file: Path | IO[bytes],
    formats: tuple[str, ...] = PHOTO_FORMATS,
    thumbnail: int | None = None,
) -> Image.Image:
    """Decode an image, apply its EXIF orientation and blend transparent pixels with white.

    A file with several images gives its first. Pixels of 16 bits, grey or colour, keep their upper
    8 bits: k * 257 becomes k.

    Args:
        file: path or content.
        formats: Pillow's names of the allowed formats.
        thumbnail: number of pixels that the shorter side may be reduced to, which makes large JPEGs
            faster to decode; None for the full size.

    Returns:
        An RGB image in sRGB. An embedded colour profile is applied.

    Raises:
        UndecodableImageError: the image is damaged, too large, or in an unsupported format.
        OSError: the file system failed; ``errno`` is set.
    """
    with refusing_undecodable(), Image.open(file, formats=readable(formats)) as photo:
        check_size(photo)
        refuse_raw(photo)
        if thumbnail is not None:
            photo.draft(None, (thumbnail, thumbnail))
        profile = photo.info.get("icc_profile")
        rescale_transparency(photo)
        ImageOps.exif_transpose(photo, in_place=True)
        return to_srgb(blend_on_white(photo), profile)


def upright_size(file: IO[bytes]) -> tuple[int, int]:
    """Return width and height of an image after ``decode``, from its header.

    Raises:
        UndecodableImageError, OSError: see ``decode``.
    """
    with refusing_undecodable(), Image.open(file, formats=readable(PHOTO_FORMATS)) as photo:
        is_turned = photo.getexif().get(ORIENTATION, 1) in QUARTER_TURNS
        return photo.size[::-1] if is_turned else photo.size


@contextmanager
def refusing_undecodable() -> Iterator[None]:
    """Raise UndecodableImageError within the block for what Pillow's decoders raise."""
    try:
        yield
    except (UndecodableImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnsupportedFormatError(f"it is not a {PHOTO_FORMAT_NAMES} image") from error
    except Image.DecompressionBombError as error:
        raise too_large_error() from error
    except OSError as error:
        if error.errno is not None:  # from the file system, not from a decoder
            raise
        raise UndecodableImageError(f"it cannot be read ({error})") from error
    except Exception as error:  # decoders raise many types of errors on damaged files
        raise UndecodableImageError(f"it cannot be decoded ({error})") from error


def readable(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some formats that can be read here."""
    if HEIF not in formats or not reads_heif():
        return tuple(name for name in formats if name != HEIF)
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
    return formats


def reads_heif() -> bool:
    """Return whether pillow-heif, which reads HEIC images, is installed."""
    return find_spec("pillow_heif") is not None


def refuse_raw(photo: Image.Image) -> None:
    """Raise UndecodableImageError if an image is the preview in a raw photograph."""
    tags = getattr(photo, "tag_v2", {})
    is_preview = int(tags.get(NEW_SUBFILE_TYPE, 0)) & REDUCED_RESOLUTION
    if is_preview or DNG_VERSION in tags:
        raise UndecodableImageError("it is a raw photograph: convert it to JPEG or PNG")


def check_size(photo: Image.Image) -> None:
    """Raise UndecodableImageError if the header gives too large a size. Nothing is decoded."""
    if photo.width * photo.height > MAX_PIXELS:
        raise too_large_error()
    if max(photo.size) > MAX_SIDE:
        raise UndecodableImageError(f"it is more than {MAX_SIDE:,} pixels wide or high")


def too_large_error() -> UndecodableImageError:
    return UndecodableImageError(f"it has more than {MAX_PIXELS / 1e6:.0f} million pixels")


def rescale_transparency(photo: Image.Image) -> None:
    """Scale a PNG's transparent colour as Pillow scales its pixels."""
    key = photo.info.get("transparency")
    stored = photo.tile[0][3] if isinstance(photo, ImageFile.ImageFile) and photo.tile else None
    if isinstance(key, int) and stored in TRANSPARENCY_SCALE:
        photo.info["transparency"] = key * TRANSPARENCY_SCALE[stored]
    elif isinstance(key, tuple) and stored == "RGB;16B":
        photo.info["transparency"] = tuple(value >> 8 for value in key)


def blend_on_white(photo: Image.Image) -> Image.Image:
    """Return an 8-bit image whose transparent pixels are blended with white.

    Viewers do not show the colour of transparent pixels, so it must not be published either.
    """
    if photo.mode.startswith("I") or photo.mode == "F":
        return to_8_bits(photo)
    if not photo.has_transparency_data:
        return photo
    blended = Image.new("RGBA", photo.size, "white")
    blended.alpha_composite(photo.convert("RGBA"))
    return blended.convert("L" if photo.mode in GREY_MODES else "RGB")


def to_8_bits(photo: Image.Image) -> Image.Image:
    """Return the upper 8 bits of a 16-bit grey image, as Pillow does for colour images.

    Raises:
        UndecodableImageError: the value of white is unknown, as in 32-bit images.
    """
    # older versions of Pillow decode a 16-bit PNG as 32-bit
    if not photo.mode.startswith("I;16") and (photo.mode, photo.format) != ("I", "PNG"):
        raise UndecodableImageError(
            "its grey values have 32 bits or are signed, so the value of white is unknown: save it "
            "with 8 or 16 bits"
        )
    tags = getattr(photo, "tag_v2", {})
    if (tags.get(BITS_PER_SAMPLE, (16,))[0], tags.get(PHOTOMETRIC, 1)) != (16, 1):
        raise UndecodableImageError(
            "its grey values have 12 bits or are inverted: save it with 8 or 16 bits"
        )
    values = np.asarray(photo).astype(np.int64)
    greys = values >> 8
    if (key := photo.info.get("transparency")) is not None:
        greys[values == key] = 255
    return Image.fromarray(greys.astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an image to sRGB by its colour profile. Without a profile it is taken to be sRGB."""
    if image.mode == "LAB":
        return apply_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    pixels = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    if profile:
        try:
            return apply_profile(pixels, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):  # the profile is damaged or for another colour mode
            pass
    return pixels.convert("RGB")


def apply_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert an image from a colour profile to sRGB."""
    converted = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # it is None only for conversions in place
    return converted
