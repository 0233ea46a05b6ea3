"""Photographs become upright squares in sRGB, and other files are refused."""

import numpy as np
import pytest
from photographs import ORIENTATION, flat, noise, png_header, swapped_profile
from PIL import Image

from privacy_gan.release.censoring import UndecodableImageError, prepare_photo

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def read(path, side=16, fit="whole"):
    return prepare_photo(path, side, fit)


def halves(upper, lower, size=(32, 64)):
    image = Image.new("RGB", size, upper)
    image.paste(lower, (0, size[1] // 2, *size))
    return image


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_every_supported_format_is_read(suffix, tmp_path):
    flat((200, 100, 50)).save(tmp_path / f"one.{suffix}")
    prepared = read(tmp_path / f"one.{suffix}")
    assert prepared.pixels.shape == (16, 16, 3)
    assert np.abs(prepared.pixels.astype(int) - (200, 100, 50)).max() <= 3


def test_an_image_of_the_right_size_is_not_changed(tmp_path):
    image = noise(16, 16)
    image.save(tmp_path / "one.png")
    np.testing.assert_array_equal(read(tmp_path / "one.png").pixels, np.asarray(image))


def test_whole_resizes_the_photograph_and_center_crops_it(tmp_path):
    # three squares in a row
    image = Image.new("RGB", (96, 32), RED)
    image.paste(GREEN, (32, 0, 64, 32))
    image.paste(BLUE, (64, 0, 96, 32))
    image.save(tmp_path / "one.png")
    whole, center = (read(tmp_path / "one.png", fit=fit) for fit in ("whole", "center"))
    assert whole.size == (96, 32)
    assert [tuple(whole.pixels[8, x]) for x in (2, 8, 13)] == [RED, GREEN, BLUE]
    assert center.size == (32, 32)
    assert (center.pixels == GREEN).all()


def test_the_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the stored image's left is at the top
    stored = halves(RED, BLUE).rotate(90, expand=True)
    stored.save(tmp_path / "one.png", exif=exif)
    prepared = read(tmp_path / "one.png")
    assert prepared.size == (32, 64)
    assert tuple(prepared.pixels[2, 8]) == RED
    assert tuple(prepared.pixels[13, 8]) == BLUE


def test_transparent_pixels_become_white(tmp_path):
    image = flat(RED).convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "one.png")
    assert (read(tmp_path / "one.png").pixels == 255).all()
    palette = flat(RED).convert("P")
    palette.save(tmp_path / "two.png", transparency=palette.getpixel((0, 0)))
    assert (read(tmp_path / "two.png").pixels == 255).all()


def test_greys_of_16_bits_are_scaled_to_8(tmp_path):
    grey = np.full((16, 16), 300 * 128, np.uint16)  # 150 of 256 steps
    Image.fromarray(grey).save(tmp_path / "one.png")
    assert (read(tmp_path / "one.png").pixels == 150).all()


@pytest.mark.parametrize("mode", ["L", "1", "CMYK"])
def test_other_modes_become_rgb(mode, tmp_path):
    name = "one.jpg" if mode == "CMYK" else "one.png"
    Image.new("RGB", (16, 16), "white").convert(mode).save(tmp_path / name)
    assert (read(tmp_path / name).pixels == 255).all()


def test_a_colour_profile_is_applied(tmp_path):
    flat((230, 30, 20)).save(tmp_path / "one.png", icc_profile=swapped_profile())
    red, green, blue = read(tmp_path / "one.png").pixels[8, 8].astype(int)
    assert (abs(red - 30), abs(green - 230), abs(blue - 20)) <= (2, 2, 2)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_damaged_or_unsuitable_profile_is_ignored(mode, tmp_path):
    image = flat((50, 50, 50)).convert(mode)
    for profile in (b"nonsense", swapped_profile()[:500], swapped_profile()):
        image.save(tmp_path / "one.png", icc_profile=profile)
        assert np.abs(read(tmp_path / "one.png").pixels.astype(int) - 50).max() <= 1


def test_huge_sizes_are_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.png"
    for size in [(50_000, 50_000), (10_000, 10_000), (9_460, 9_460)]:
        path.write_bytes(png_header(*size))
        with pytest.raises(UndecodableImageError, match="more than 89 million pixels"):
            read(path)
    path.write_bytes(png_header(65_501, 1))
    with pytest.raises(UndecodableImageError, match="more than 65,500 pixels wide"):
        read(path)


def test_truncated_files_are_refused(tmp_path):
    for name in ("one.jpg", "one.png", "one.webp"):
        path = tmp_path / name
        noise(64, 64).save(path)
        content = path.read_bytes()
        for length in (0, 3, 20, len(content) // 2, len(content) - 100):
            path.write_bytes(content[:length])
            with pytest.raises(UndecodableImageError):
                read(path)


def test_other_formats_are_refused(tmp_path):
    path = tmp_path / "one.png"
    for content in (b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a"):
        path.write_bytes(content)
        with pytest.raises(UndecodableImageError, match="not a JPEG, PNG, WebP, TIFF or HEIC"):
            read(path)
    noise(16, 16).save(path, format="BMP")
    with pytest.raises(UndecodableImageError, match="not a JPEG, PNG, WebP, TIFF or HEIC image"):
        read(path)
