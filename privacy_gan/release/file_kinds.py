"""What a file is, told by how it begins: its name may say anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from privacy_gan.data.decoding import UnreadablePhoto

BEGINNING = 64  # bytes that tell

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

TIFF = "TIFF or raw"  # which begin alike
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


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read, never waiting for a writer, and never what a link leads to.

    Raises:
        UnreadablePhoto: it is no regular file, or it cannot be opened or read: why.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        require_regular(os.lstat(path))  # a device does something already when it is opened
        with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            require_regular(os.fstat(file.fileno()))  # somebody may have replaced it meanwhile
            yield file
    except OSError as error:
        raise UnreadablePhoto(f"it cannot be read ({error.strerror})") from error


def require_regular(status: os.stat_result) -> None:
    """Refuse what has a name as a file has, and is none: a pipe, a socket, a device."""
    if not stat.S_ISREG(status.st_mode):
        what = SPECIAL.get(stat.S_IFMT(status.st_mode), "something else")
        raise UnreadablePhoto(f"it is no file, but {what}")


def beginning_of(path: Path) -> bytes:
    """Return the first bytes of a file; raises as ``opened`` does."""
    with opened(path) as file:
        return file.read(BEGINNING)


def is_photograph(beginning: bytes) -> bool:
    """Tell whether a file is of a format that is read: JPEG, PNG or WebP."""
    is_webp = beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP"
    return is_webp or beginning.startswith((JPEG, PNG))


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
    elif beginning[:2] == b"BM" and beginning[6:10] == b"\0\0\0\0":  # not a text that says BMW
        found = "BMP"
    else:
        starts = OTHER_PICTURES.items()
        found = next((kind for start, kind in starts if beginning.startswith(start)), None)
    if found in (None, TIFF) and suffix in OTHER_SUFFIXES:
        return suffix[1:].upper()
    return found
