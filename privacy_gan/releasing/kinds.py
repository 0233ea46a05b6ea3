"""What a file is, told by how it begins: its name may say anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

BEGINNING = 64  # bytes that tell

TIFF = "TIFF or raw"  # which begin alike
READ = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}

# Pictures that are not read, by how they begin.
OTHER_PICTURES = {
    b"GIF8": "GIF",
    b"II*\0": TIFF,
    b"MM\0*": TIFF,
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"IIU\0": "raw",
    b"IIRO": "raw",
    b"IIRS": "raw",
    b"MMOR": "raw",
    b"FOVb": "raw",
    b"FUJIFILMCCD-RAW": "raw",
    b"II\xbc": "JPEG XR",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"\0\0\x01\0": "ICO",
    b"\x8aMNG\r\n\x1a\n": "MNG",
}
# The same of ISO's container, whose first box lists what can read it; videos are none of these.
BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "raw",
    **dict.fromkeys((b"mif1", b"msf1"), "HEIF"),
}
# Names of the same, for what is damaged or begins with nothing that tells it.
OTHER_SUFFIXES = {
    *(".heic", ".heif", ".hif", ".avif", ".avifs", ".tif", ".tiff", ".gif", ".bmp", ".dib"),
    *(".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".jxr", ".wdp", ".psd", ".xcf", ".exr", ".hdr"),
    *(".tga", ".dds", ".qoi", ".ico", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".svg", ".svgz"),
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2"),
    *(".raf", ".raw", ".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".mrw"),
}
SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class SpecialFile(Exception):
    """Something has a name as a file has, and is none: a pipe, a socket, a device."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file to read, never waiting for a writer, and never what a link leads to.

    Raises:
        SpecialFile: it is no regular file: what it is.
        OSError: it cannot be opened.
    """
    require_regular(os.lstat(path))  # a device does something already when it is opened
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    file = os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")
    try:
        require_regular(os.fstat(file.fileno()))  # somebody may have replaced it meanwhile
    except SpecialFile:
        file.close()
        raise
    return file


def require_regular(status: os.stat_result) -> None:
    """Refuse what is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        what = SPECIAL.get(stat.S_IFMT(status.st_mode), "something else")
        raise SpecialFile(f"it is no file, but {what}")


def beginning_of(path: Path) -> bytes:
    """Return the first bytes of a file; raises as ``open_regular`` does."""
    with open_regular(path) as file:
        return file.read(BEGINNING)


def photograph(beginning: bytes) -> str | None:
    """Return which of the formats that are read a file has, or None."""
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WebP"
    return first_of(READ, beginning)


def other_picture(beginning: bytes, suffix: str) -> str | None:
    """Return which format a picture has that is not read, or None for what is no picture.

    Args:
        beginning: of the file.
        suffix: of its name, in lower case.
    """
    if beginning[4:8] == b"ftyp":
        size = min(int.from_bytes(beginning[:4]), BEGINNING)
        brands = [beginning[8:12], *(beginning[at : at + 4] for at in range(16, size, 4))]
        found = next((BRANDS[brand] for brand in brands if brand in BRANDS), None)
    elif is_bitmap(beginning):
        found = "BMP"
    else:
        found = first_of(OTHER_PICTURES, beginning)
    if found in (None, TIFF) and suffix in OTHER_SUFFIXES:
        return suffix[1:].upper()
    return found


def is_bitmap(beginning: bytes) -> bool:
    """Tell whether a file is a BMP, and no text that begins with the same two letters."""
    return beginning[:2] == b"BM" and beginning[6:10] == b"\0\0\0\0"


def first_of(kinds: dict[bytes, str], beginning: bytes) -> str | None:
    """Return the kind of whatever a file begins with, or None."""
    return next((kind for start, kind in kinds.items() if beginning.startswith(start)), None)
