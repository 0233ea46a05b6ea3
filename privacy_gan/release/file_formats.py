"""Detection of file formats from the first bytes of a file, whatever its name says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from privacy_gan.data.decoding import UndecodableImageError, reads_heif

HEADER_SIZE = 64  # bytes that are enough to detect every format below

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*")  # raw photographs start with the same bytes
HEIC = "HEIC"
CANON_RAW = b"CR"  # follows at byte 8
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# Image formats that are detected but not supported, by their first bytes.
UNSUPPORTED_SIGNATURES = {
    b"GIF8": "GIF",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
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
# The same for ISO base media files: the brands that their first box lists. Videos have others.
UNSUPPORTED_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "raw",
}
# Suffixes of such formats, for damaged files and for formats without a signature.
UNSUPPORTED_SUFFIXES = {
    *(".avif", ".avifs", ".gif", ".bmp", ".dib"),
    *(".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".jxr", ".wdp", ".psd", ".xcf", ".exr", ".hdr"),
    *(".tga", ".dds", ".qoi", ".ico", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".svg", ".svgz"),
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2"),
    *(".raf", ".raw", ".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".erf", ".kdc", ".mrw"),
}
SPECIAL_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def open_regular_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file for reading. Never follow a link, never block on a pipe.

    Raises:
        UndecodableImageError: the file is not a regular file, or cannot be opened or read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        require_regular(os.lstat(path))  # first: opening a device can have effects
        with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            require_regular(os.fstat(file.fileno()))  # it may have been replaced since
            yield file
    except OSError as error:
        raise UndecodableImageError(f"it cannot be read ({error.strerror})") from error


def require_regular(status: os.stat_result) -> None:
    """Raise UndecodableImageError for pipes, sockets, devices and other special files."""
    if not stat.S_ISREG(status.st_mode):
        what = SPECIAL_FILES.get(stat.S_IFMT(status.st_mode), "a special file")
        raise UndecodableImageError(f"it is {what}, not a regular file")


def read_header(path: Path) -> bytes:
    """Return the first HEADER_SIZE bytes of a file. Raises as ``open_regular_file`` does."""
    with open_regular_file(path) as file:
        return file.read(HEADER_SIZE)


def is_supported(header: bytes, suffix: str) -> bool:
    """Return whether a file is a JPEG, PNG, WebP, TIFF or HEIC image.

    Args:
        header: the first bytes of the file.
        suffix: of the file's name, in lower case, which tells raw photographs from TIFF images.
    """
    if header.startswith(TIFF):
        return header[8:10] != CANON_RAW and suffix not in UNSUPPORTED_SUFFIXES
    is_webp = header[:4] == b"RIFF" and header[8:12] == b"WEBP"
    return is_webp or (is_heic(header) and reads_heif()) or header.startswith((JPEG, PNG))


def is_heic(header: bytes) -> bool:
    """Return whether a file is a HEIC image."""
    brands = file_brands(header)
    return bool(HEIC_BRANDS.intersection(brands)) and UNSUPPORTED_BRANDS.keys().isdisjoint(brands)


def file_brands(header: bytes) -> list[bytes]:
    """Return the brands of an ISO base media file; none for other files."""
    if header[4:8] != b"ftyp":
        return []
    size = min(int.from_bytes(header[:4]), HEADER_SIZE)
    return [header[8:12], *(header[at : at + 4] for at in range(16, size, 4))]


def unsupported_format(header: bytes, suffix: str) -> str | None:
    """Return the name of an image's unsupported format, or None if the file is not such an image.

    Args:
        header: the first bytes of the file.
        suffix: of the file's name, in lower case.
    """
    brands = file_brands(header)
    if is_heic(header):
        format_name = None if reads_heif() else HEIC
    elif brands:
        format_name = next(
            (UNSUPPORTED_BRANDS[brand] for brand in brands if brand in UNSUPPORTED_BRANDS), None
        )
    elif header.startswith(TIFF):
        format_name = None if is_supported(header, suffix) else "raw"
    elif header[:2] == b"BM" and header[6:10] == b"\0\0\0\0":  # not a text such as "BMW ..."
        format_name = "BMP"
    else:
        signatures = UNSUPPORTED_SIGNATURES.items()
        format_name = next((name for start, name in signatures if header.startswith(start)), None)
    if format_name in (None, "raw") and suffix in UNSUPPORTED_SUFFIXES:
        return suffix[1:].upper()
    return format_name
