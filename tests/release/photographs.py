"""Photographs as cameras write them, and malformed ones as attackers do."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

ORIENTATION, DESCRIPTION, GPS = 0x0112, 0x010E, 0x8825


def noise(width, height, seed=0):
    """Return an image of random pixels."""
    shape = (height, width, 3)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def flat(colour, width=32, height=32):
    return Image.new("RGB", (width, height), colour)


def located():
    """Return EXIF data with a GPS position and a description."""
    exif = Image.Exif()
    exif[DESCRIPTION] = "SECRET-WORDS"
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 8.0, 30.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return exif


def swapped_profile():
    """Return a colour profile like sRGB's, with red and green swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {}
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        start = 132 + 12 * number
        entries[bytes(profile[start : start + 4])] = start
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def png_header(width, height):
    """Return a PNG whose header claims a size, with hardly any pixel data."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rest


def png_chunks(content):
    """Return the types of the chunks in a PNG."""
    kinds, place = [], 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kinds.append(content[place + 4 : place + 8])
        place += length + 12
    return kinds


def jpeg_segments(content):
    """Return the segments of a JPEG up to its first scan, as pairs of marker and content."""
    segments, place = [], 2
    while True:
        marker = content[place + 1]
        (length,) = struct.unpack(">H", content[place + 2 : place + 4])
        segments.append((marker, content[place + 4 : place + 2 + length]))
        place += 2 + length
        if marker == 0xDA:
            return segments
