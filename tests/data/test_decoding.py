"""Pixels of every format are decoded to the RGB values that are worked out by hand."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from privacy_gan.data.decoding import (
    DATASET_FORMATS,
    UndecodableImageError,
    blend_on_white,
    decode,
    to_srgb,
)
from privacy_gan.data.image_files import decode_image, open_images
from privacy_gan.release.censoring import prepare_photo

ORIENTATION = 0x0112


def encode(image, form="PNG", **options):
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def decode_pixels(content):
    return np.asarray(decode(BytesIO(content), DATASET_FORMATS))


def first_pixel(content):
    return tuple(int(value) for value in decode_pixels(content)[0, 0])


def encode_png(bits, colours, row, transparent=b""):
    """Return a PNG of one row, in formats that Pillow cannot write."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    width = len(row) * 8 // (bits * {0: 1, 2: 3, 4: 2, 6: 4}[colours])
    header = struct.pack(">IIBBBBB", width, 1, bits, colours, 0, 0, 0)
    key = chunk(b"tRNS", transparent) if transparent else b""
    data = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + key + data + chunk(b"IEND", b"")


def solid(mode, colour):
    return Image.new(mode, (16, 16), colour)


def palette_png(**options):
    image = solid("P", 1)
    image.putpalette([9, 9, 9, 10, 20, 30, 9, 9, 9])
    return encode(image, **options)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode(solid("1", 1)), (255, 255, 255)),
        (encode(solid("L", 77)), (77, 77, 77)),
        (encode(solid("L", 77), transparency=77), (255, 255, 255)),
        (encode(solid("L", 77), transparency=76), (77, 77, 77)),
        # 51 of 255 opaque: 0.2 * 100 + 0.8 * 255 = 224
        (encode(solid("LA", (100, 51))), (224, 224, 224)),
        (palette_png(), (10, 20, 30)),
        (palette_png(transparency=1), (255, 255, 255)),
        (palette_png(transparency=bytes([255, 51, 255])), (206, 208, 210)),
        (encode(solid("RGB", (10, 20, 30))), (10, 20, 30)),
        (encode(solid("RGB", (10, 20, 30)), transparency=(10, 20, 30)), (255, 255, 255)),
        (encode(solid("RGBA", (10, 20, 30, 51))), (206, 208, 210)),
        (encode(solid("RGBA", (10, 20, 30, 0))), (255, 255, 255)),
        # the upper 8 of 16 bits, for grey and colour
        (encode_png(16, 0, struct.pack(">H", 65535)), (255, 255, 255)),
        (encode_png(16, 0, struct.pack(">H", 100 * 257)), (100, 100, 100)),
        (encode_png(16, 0, struct.pack(">H", 300), struct.pack(">H", 300)), (255, 255, 255)),
        (encode_png(16, 0, struct.pack(">H", 300), struct.pack(">H", 44)), (1, 1, 1)),
        (encode_png(16, 2, struct.pack(">3H", 2570, 5140, 7710)), (10, 20, 30)),
        (
            encode_png(
                16, 2, struct.pack(">3H", 2570, 5140, 7710), struct.pack(">3H", 2570, 5140, 7710)
            ),
            (255, 255, 255),
        ),
        (encode_png(16, 4, struct.pack(">2H", 100 * 257, 51 * 257)), (224, 224, 224)),
        (encode_png(16, 6, struct.pack(">4H", 2570, 5140, 7710, 51 * 257)), (206, 208, 210)),
        # 2 and 4 bits: 2 of 3 is 170, and 7 of 15 is 119
        (encode_png(2, 0, b"\xaa"), (170, 170, 170)),
        (encode_png(2, 0, b"\xaa", struct.pack(">H", 2)), (255, 255, 255)),
        (encode_png(4, 0, b"\x77", struct.pack(">H", 7)), (255, 255, 255)),
        (encode_png(4, 0, b"\x77", struct.pack(">H", 8)), (119, 119, 119)),
        (encode(solid("I;16", 38400), "TIFF"), (150, 150, 150)),
        (encode(solid("I;16B", 38400), "TIFF"), (150, 150, 150)),
        # a tenth of cyan ink leaves 230 of 255 of red
        (encode(solid("CMYK", (25, 0, 255, 0)), "TIFF"), (230, 255, 0)),
        (encode(solid("LA", (100, 51)), "TIFF"), (224, 224, 224)),
    ],
)
def test_decoded_values(content, expected):
    assert np.abs(np.subtract(first_pixel(content), expected)).max() <= 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode(solid("CMYK", (25, 0, 255, 0)), "JPEG", quality=100), (230, 255, 0)),  # Adobe's
        (encode(solid("YCbCr", (76, 85, 255)), "JPEG", quality=100), (254, 0, 0)),
        (encode(solid("YCbCr", (76, 85, 255)), "TIFF"), (254, 0, 0)),
        # CIE's L 54 of 100 is 129 of sRGB's greys
        (encode(solid("LAB", (138, 128, 128)), "TIFF"), (129, 129, 129)),
        (encode(solid("RGBA", (10, 20, 30, 51)), "WEBP", lossless=True), (206, 208, 210)),
    ],
)
def test_decoded_values_of_lossy_formats(content, expected):
    assert np.abs(np.subtract(first_pixel(content), expected)).max() <= 3


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBa", (2, 4, 6, 51), (206, 208, 210)),  # as above, premultiplied
        ("PA", (1, 51), (206, 208, 210)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("I;16L", 38400, (150, 150, 150)),
    ],
)
def test_decoded_values_of_rare_modes(mode, colour, expected):
    image = solid(mode, colour)
    if mode == "PA":
        image.putpalette([9, 9, 9, 10, 20, 30])
    assert to_srgb(blend_on_white(image), None).getpixel((0, 0)) == expected


@pytest.mark.parametrize("mode", ["I", "F"])
def test_greys_with_an_unknown_white_are_refused_instead_of_clipped(mode):
    content = encode(solid(mode, 1000), "TIFF")
    with pytest.raises(UndecodableImageError, match="grey values have 32 bits"):
        decode_pixels(content)


def test_exif_orientation_is_applied_to_16_bit_greys():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    grey = np.zeros((16, 8), np.uint16)
    grey[:, 0] = 257 * 200  # the left column becomes the top row
    upright = decode_pixels(encode(Image.fromarray(grey), exif=exif))
    assert upright.shape == (8, 16, 3)
    assert (upright[0] == 200).all()
    assert not upright[1:].any()


def test_grey_with_an_alpha_channel_and_a_profile():
    grey = solid("LA", (100, 255))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert first_pixel(encode(grey, icc_profile=profile)) == (100, 100, 100)


def test_only_the_first_image_of_an_animation_is_decoded():
    frames = [solid("RGB", (10, 20, 30)), solid("RGB", (200, 0, 0))]
    for form in ("PNG", "GIF", "TIFF"):
        content = encode(frames[0], form, save_all=True, append_images=frames[1:])
        assert first_pixel(content) == (10, 20, 30)


def test_ordinary_images_are_decoded_like_pillow_does():
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    for form in ("PNG", "JPEG"):
        for image in (Image.fromarray(noise), Image.fromarray(noise[:, :, 0])):
            content = encode(image, form)
            expected = np.asarray(Image.open(BytesIO(content)).convert("RGB"))
            np.testing.assert_array_equal(decode_pixels(content), expected)


@pytest.mark.parametrize(
    "content",
    [
        encode(solid("RGBA", (10, 20, 30, 51))),
        encode_png(16, 0, struct.pack(">16H", *range(0, 65536, 4096))),
        encode(solid("CMYK", (25, 0, 255, 0)), "JPEG"),
    ],
)
def test_training_audits_and_releases_decode_the_same_pixels(content, tmp_path):
    (tmp_path / "one.jpg").write_bytes(content)
    trained = np.asarray(decode_image(open_images(tmp_path), "one.jpg").resize((16, 16), 2))
    np.testing.assert_array_equal(trained, prepare_photo(tmp_path / "one.jpg", 16, "whole").pixels)
