"""Find metadata and other content of image files besides their pixels.

Metadata from cameras and programs can include thumbnails of the original, positions and names.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from privacy_gan.plural import pluralize

THUMBNAIL, EXIF, GPS, XMP = "a thumbnail", "EXIF", "a GPS position", "XMP"
TEXT, PROFILE, PICTURES = "text or comments", "a colour profile", "further images"
OTHER, TRAILING = "application data", "bytes after the image"
UNKNOWN = "an unsupported format"
TRANSPARENCY = "an alpha channel"  # visible to adversaries, because images are blended with white

JPEG, PNG, RIFF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF"
JPEG_START = b"\xff\xd8\xff"  # in metadata, nearly always the start of a thumbnail
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
    """Return warnings about transparency and metadata, one line each.

    Args:
        folder: the images' folder.
        files: paths of the images relative to it.

    Raises:
        OSError: a file cannot be read.
    """
    kinds: Counter[str] = Counter()
    files_with_metadata = []
    for name in files:
        path = folder / name
        metadata = find_metadata(path.read_bytes())
        kinds.update(metadata)
        if has_transparency(path):
            kinds[TRANSPARENCY] += 1
        if metadata:
            files_with_metadata.append(name)
    lines = []
    if transparent := kinds.pop(TRANSPARENCY, 0):
        lines.append(
            f"found {TRANSPARENCY} in {transparent:,} of {pluralize(len(files), 'image')}: "
            "adversaries see the images on white, but the files may reveal more on other "
            "backgrounds or in the hidden colours"
        )
    if files_with_metadata:
        counts = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
        lines.append(
            f"found thumbnails or metadata in {pluralize(len(files_with_metadata), 'file')}, such "
            f"as {files_with_metadata[0]} ({counts}): this audit ignores them, but they may reveal "
            "what was censored, so remove them before you share the files"
        )
    return lines


def has_transparency(path: Path) -> bool:
    """Return whether, by its header, an image may have transparent pixels."""
    try:
        with Image.open(path) as image:
            return bool(image.has_transparency_data)
    except Exception:  # Pillow raises many types; decoding reports the error
        return False


def find_metadata(content: bytes) -> set[str]:
    """Return the kinds of content in a JPEG, PNG or WebP other than pixels and their encoding."""
    if content.startswith(JPEG):
        return set(jpeg_metadata(content))
    if content.startswith(PNG):
        return set(png_metadata(content))
    if content.startswith(RIFF):
        return set(webp_metadata(content))
    return {UNKNOWN}


def jpeg_metadata(content: bytes) -> Iterator[str]:
    """Yield the kinds of content in a JPEG's segments and after its image."""
    offset = len(JPEG)
    while offset + 4 <= len(content) and content[offset] == 0xFF:
        marker = content[offset + 1]
        if marker == 0xFF:  # padding
            offset += 1
            continue
        if marker == SCAN:
            break
        end = offset + 2 + int.from_bytes(content[offset + 2 : offset + 4])
        yield from segment_metadata(marker, content[offset + 4 : end])
        offset = end
    image_end = content.find(END, offset)
    if image_end >= 0 and (rest := content[image_end + len(END) :].strip(b"\0")):
        yield TRAILING
        if JPEG_START in rest:
            yield PICTURES


def segment_metadata(marker: int, data: bytes) -> Iterator[str]:
    """Yield the kinds of content in a JPEG segment."""
    if marker == 0xFE:
        yield TEXT
    if not 0xE0 <= marker <= 0xEF:
        return
    if data.startswith(b"Exif\0"):
        yield from exif_metadata(data[6:])
    elif data.startswith(b"http://ns.adobe.com/"):
        yield XMP
    elif data.startswith(b"ICC_PROFILE\0"):
        yield PROFILE
    elif data.startswith(b"MPF\0"):
        yield PICTURES
    elif data.startswith(b"JFXX\0") or (data.startswith(b"JFIF\0") and any(data[12:14])):
        yield THUMBNAIL
    elif not data.startswith((b"JFIF\0", b"Adobe")):  # these describe the pixel format
        yield OTHER
        if JPEG_START in data:
            yield THUMBNAIL


def exif_metadata(data: bytes) -> Iterator[str]:
    """Yield the kinds of content in EXIF data, including maker notes."""
    yield EXIF
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"):  # about damaged data
            exif.load(data)
            has_position = GPS_TAG in exif
            has_thumbnail = bool(exif.get_ifd(THUMBNAIL_IFD))
    except Exception:  # damaged data raise many types of errors
        has_position = has_thumbnail = False
    if has_position:
        yield GPS
    if has_thumbnail or JPEG_START in data:
        yield THUMBNAIL


def png_metadata(content: bytes) -> Iterator[str]:
    """Yield the kinds of content in a PNG's chunks and after its image."""
    offset = len(PNG)
    while offset + 8 <= len(content):
        kind = content[offset + 4 : offset + 8]
        end = offset + 8 + int.from_bytes(content[offset : offset + 4])
        data, offset = content[offset + 8 : end], end + 4  # skip the chunk's checksum
        if kind == b"eXIf":
            yield from exif_metadata(data)
        elif kind == b"iTXt":
            yield XMP if data.startswith(b"XML:com.adobe.xmp") else TEXT
        elif kind in PNG_METADATA:
            yield PNG_METADATA[kind]
        elif kind not in PNG_IMAGE_CHUNKS:
            yield OTHER
        if kind == b"IEND":
            break
    if content[offset:].strip(b"\0"):
        yield TRAILING


def webp_metadata(content: bytes) -> Iterator[str]:
    """Yield the kinds of content in a WebP's chunks and after its image."""
    end = 8 + int.from_bytes(content[4:8], "little")
    offset = 12
    while offset + 8 <= min(end, len(content)):
        size = int.from_bytes(content[offset + 4 : offset + 8], "little")
        kind, data = content[offset : offset + 4], content[offset + 8 : offset + 8 + size]
        offset += 8 + size + size % 2  # chunks start at even offsets
        if kind == b"EXIF":
            yield from exif_metadata(data.removeprefix(b"Exif\0\0"))
        elif kind in WEBP_METADATA:
            yield WEBP_METADATA[kind]
        elif kind not in WEBP_IMAGE_CHUNKS:
            yield OTHER
    if content[end:].strip(b"\0"):
        yield TRAILING
