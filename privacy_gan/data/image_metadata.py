"""What image files hold besides the pixels that are looked at, read from their containers.

Cameras and programs put small copies of the original into metadata, and positions, names and words.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

THUMBNAIL, EXIF, GPS, XMP = "a thumbnail", "EXIF", "a GPS position", "XMP"
TEXT, PROFILE, PICTURES = "text or comments", "a colour profile", "further pictures"
OTHER, TRAILING = "data of programs", "bytes after the image"
UNKNOWN = "a format that is not looked into"
TRANSPARENCY = "an alpha channel"  # which is blended, and so is seen

JPEG, PNG, RIFF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF"
JPEG_START = b"\xff\xd8\xff"  # begins what is nearly always a small copy of the image
SCAN, END = 0xDA, b"\xff\xd9"
GPS_TAG, THUMBNAIL_IFD = 0x8825, 1
PNG_IMAGE_CHUNKS = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"),
    *(b"bKGD", b"hIST", b"cICP", b"mDCV", b"cLLI", b"sPLT"),
}
PNG_METADATA = {
    **dict.fromkeys((b"tEXt", b"zTXt", b"tIME"), TEXT),
    **dict.fromkeys((b"acTL", b"fcTL", b"fdAT"), PICTURES),
    b"iCCP": PROFILE,
}
WEBP_METADATA = {b"XMP ": XMP, b"ICCP": PROFILE, b"ANIM": PICTURES, b"ANMF": PICTURES}
WEBP_IMAGE_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}


def metadata_notes(folder: Path, files: Sequence[str]) -> list[str]:
    """Return what a user should know of images beside their pixels, a line each.

    Args:
        folder: in which they lie.
        files: theirs, within it.

    Raises:
        OSError: one cannot be read.
    """
    kinds: Counter[str] = Counter()
    carriers = []
    for name in files:
        path = folder / name
        found = find_metadata(path.read_bytes())
        kinds.update(found)
        if has_transparency(path):
            kinds[TRANSPARENCY] += 1
        if found:
            carriers.append(name)
    lines = []
    if transparent := kinds.pop(TRANSPARENCY, 0):
        lines.append(
            f"{transparent:,} of {len(files):,} images have {TRANSPARENCY}: adversaries see them on white, "
            "and whoever has the files sees on other colours, and beneath, what may be more"
        )
    if carriers:
        number = "1 file carries" if len(carriers) == 1 else f"{len(carriers):,} files carry"
        listed = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
        lines.append(
            f"{number} thumbnails or metadata, which this audit does not look at ({listed}), such "
            f"as {carriers[0]}: they may show what was censored, so remove them before you hand "
            "the files out"
        )
    return lines


def has_transparency(path: Path) -> bool:
    """Tell by a file's header whether some of its pixels may be transparent."""
    try:
        with Image.open(path) as image:
            return bool(image.has_transparency_data)
    except Exception:  # of many kinds; who decodes it will say what is wrong
        return False


def find_metadata(content: bytes) -> set[str]:
    """Return what a JPEG, PNG or WebP holds besides pixels and what says how to show them."""
    if content.startswith(JPEG):
        return set(jpeg_metadata(content))
    if content.startswith(PNG):
        return set(png_metadata(content))
    if content.startswith(RIFF):
        return set(webp_metadata(content))
    return {UNKNOWN}


def jpeg_metadata(content: bytes) -> Iterator[str]:
    """Yield what the segments of a JPEG hold, and what follows its image."""
    place = len(JPEG)
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # fills
            place += 1
            continue
        if marker == SCAN:
            break
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
        yield from segment_metadata(marker, content[place + 4 : end])
        place = end
    image_end = content.find(END, place)
    if image_end >= 0 and (rest := content[image_end + len(END) :].strip(b"\0")):
        yield TRAILING
        if JPEG_START in rest:
            yield PICTURES


def segment_metadata(marker: int, held: bytes) -> Iterator[str]:
    """Yield what a JPEG's segment holds."""
    if marker == 0xFE:
        yield TEXT
    if not 0xE0 <= marker <= 0xEF:
        return
    if held.startswith(b"Exif\0"):
        yield from exif_metadata(held[6:])
    elif held.startswith(b"http://ns.adobe.com/"):
        yield XMP
    elif held.startswith(b"ICC_PROFILE\0"):
        yield PROFILE
    elif held.startswith(b"MPF\0"):
        yield PICTURES
    elif held.startswith(b"JFXX\0") or (held.startswith(b"JFIF\0") and any(held[12:14])):
        yield THUMBNAIL
    elif not held.startswith((b"JFIF\0", b"Adobe")):  # which say how pixels are stored
        yield OTHER
        if JPEG_START in held:
            yield THUMBNAIL


def exif_metadata(held: bytes) -> Iterator[str]:
    """Yield what EXIF data hold, a maker's notes among them."""
    yield EXIF
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):  # of damaged ones
            exif.load(held)
            has_position = GPS_TAG in exif
            has_thumbnail = bool(exif.get_ifd(THUMBNAIL_IFD))
    except Exception:  # which lead to errors of many kinds, too
        has_position = has_thumbnail = False
    if has_position:
        yield GPS
    if has_thumbnail or JPEG_START in held:
        yield THUMBNAIL


def png_metadata(content: bytes) -> Iterator[str]:
    """Yield what the chunks of a PNG hold, and what follows its image."""
    place = len(PNG)
    while place + 8 <= len(content):
        kind = content[place + 4 : place + 8]
        end = place + 8 + int.from_bytes(content[place : place + 4])
        held, place = content[place + 8 : end], end + 4  # behind the chunk's checksum
        if kind == b"eXIf":
            yield from exif_metadata(held)
        elif kind == b"iTXt":
            yield XMP if held.startswith(b"XML:com.adobe.xmp") else TEXT
        elif kind in PNG_METADATA:
            yield PNG_METADATA[kind]
        elif kind not in PNG_IMAGE_CHUNKS:
            yield OTHER
        if kind == b"IEND":
            break
    if content[place:].strip(b"\0"):
        yield TRAILING


def webp_metadata(content: bytes) -> Iterator[str]:
    """Yield what the chunks of a WebP hold, and what follows its image."""
    end = 8 + int.from_bytes(content[4:8], "little")
    place = 12
    while place + 8 <= min(end, len(content)):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        kind, held = content[place : place + 4], content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2  # the next chunk begins at an even number
        if kind == b"EXIF":
            yield from exif_metadata(held.removeprefix(b"Exif\0\0"))
        elif kind in WEBP_METADATA:
            yield WEBP_METADATA[kind]
        elif kind not in WEBP_IMAGE_CHUNKS:
            yield OTHER
    if content[end:].strip(b"\0"):
        yield TRAILING
