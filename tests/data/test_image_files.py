"""Image files are decoded and resized to squares: pixels worked out by hand."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from celeba_layouts import encode, write_zip
from PIL import Image

from privacy_gan.data.image_files import (
    DamagedError,
    decode_image,
    images_signature,
    open_images,
    resize_to_square,
)
from privacy_gan.errors import UserError


def read_one(folder: Path, content: bytes, crop: int | None = None) -> npt.NDArray[np.uint8]:
    (folder / "one.jpg").write_bytes(content)
    return np.asarray(resize_to_square(decode_image(open_images(folder), "one.jpg"), 16, crop))


def test_crop_and_antialiased_resize_by_hand(tmp_path: Path) -> None:
    # A 178x218 image with a frame of 255 around a central square of 160 pixels, whose left half is
    # 0 and right half 200. Shrunk tenfold, each pixel is a triangle-weighted mean of 20 columns.
    # The pixel left of the edge reaches 5 columns over it, with weights 0.45, 0.35, 0.25, 0.15 and
    # 0.05 of 10 in total: 200 * 1.25 / 10 = 25. A crop one pixel off would let 255 leak in.
    pixels = np.full((218, 178, 3), 255, np.uint8)
    pixels[29:189, 9:89] = 0
    pixels[29:189, 89:169] = 200
    square = read_one(tmp_path, encode(Image.fromarray(pixels), "PNG"), crop=160)
    row = [0] * 7 + [25, 175] + [200] * 7
    np.testing.assert_array_equal(square[:, :, 1], [row] * 16)


def test_quadrants_keep_their_places_and_colours(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, :32], pixels[:32, 32:] = (250, 10, 20), (30, 240, 40)
    pixels[32:, :32], pixels[32:, 32:] = (50, 60, 230), (220, 210, 70)
    image = read_one(tmp_path, encode(Image.fromarray(pixels), "PNG"))
    corners = [image[y, x].tolist() for y in (2, 13) for x in (2, 13)]
    assert corners == [[250, 10, 20], [30, 240, 40], [50, 60, 230], [220, 210, 70]]


def test_an_image_of_the_right_size_is_not_resampled(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = read_one(tmp_path, encode(Image.fromarray(pixels), "PNG"))
    np.testing.assert_array_equal(image, pixels)


def test_a_fine_checkerboard_becomes_grey(tmp_path: Path) -> None:
    board = (np.indices((160, 160)).sum(0) % 2 * 200).astype(np.uint8)
    image = read_one(tmp_path, encode(Image.fromarray(board), "PNG"))
    assert np.abs(image.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA"])
def test_other_colour_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    white = Image.new("RGB", (16, 16), "white").convert(mode)
    content = encode(white, "TIFF" if mode == "CMYK" else "PNG")
    assert (read_one(tmp_path, content) == 255).all()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    content = encode(Image.fromarray(pixels), "JPEG", quality=95, exif=exif)
    image = read_one(tmp_path, content)
    assert image[:6].max() < 30
    assert image[-6:].min() > 225


def test_folders_and_zips_list_only_images(tmp_path: Path) -> None:
    files = {name: name.encode() for name in ("a.jpg", "b.PNG", "._a.jpg", "notes.txt")}
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    write_zip(tmp_path / "images.zip", files)
    for path in (folder, tmp_path / "images.zip"):
        stored = open_images(path)
        assert sorted(stored.names()) == ["a.jpg", "b.PNG"]
        assert stored.read("a.jpg") == b"a.jpg"


def test_errors_name_the_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"one.jpg in .* cannot be decoded \(not an image\)"):
        read_one(tmp_path, b"not an image")
    (tmp_path / "images.zip").write_bytes(b"not a zip")
    with pytest.raises(DamagedError, match=r"images.zip is truncated or damaged"):
        open_images(tmp_path / "images.zip")


def make_zip(path: Path, *members: str, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip whose members contain their own names, and return its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member), member, compression)
    return path


@pytest.mark.parametrize(
    "members",
    [
        ("img_align_celeba/1.jpg", "thumbs/1.jpg"),
        ("thumbs/1.jpg", "img_align_celeba/1.jpg"),
        ("CelebA/Img/img_align_celeba/1.jpg", "CelebA/Img/img_celeba/1.jpg", "1.jpg"),
        ("img_align_celeba/1.jpg", "img_align_celeba/thumbs/1.jpg"),
        ("img_align_celeba\\1.jpg", "thumbs\\1.jpg"),
        ("img_align_celeba/1.jpg", "__MACOSX/img_align_celeba/1.jpg", "__MACOSX/1.jpg"),
        ("elsewhere/1.jpg",),
    ],
)
def test_a_zip_with_a_celeba_folder_gives_only_the_images_in_it(
    members: tuple[str, ...], tmp_path: Path
) -> None:
    stored = open_images(make_zip(tmp_path / "images.zip", *members))
    assert list(stored.names()) == ["1.jpg"]
    candidates = [m for m in members if "thumbs" not in m and "MACOSX" not in m]
    assert stored.read("1.jpg").decode() == max(candidates, key=lambda name: "align" in name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("a/1.jpg", "b/1.jpg"), "a/1.jpg and b/1.jpg"),
        (("1.jpg", "b/1.jpg"), "1.jpg and b/1.jpg"),
        (("img_align_celeba/1.jpg", "x/img_align_celeba/1.jpg"), "img_align_celeba/1.jpg and"),
        (("img_align_celeba/1.jpg",) * 2, "img_align_celeba/1.jpg, twice"),
    ],
)
def test_a_zip_with_duplicate_names_is_refused_and_both_are_named(
    members: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    path = make_zip(tmp_path / "images.zip", *members)
    with pytest.raises(UserError, match=message) as error:
        open_images(path)
    assert str(path) in str(error.value)


def test_an_encrypted_or_unsupported_zip_raises_a_user_error(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "valid.zip", "1.jpg", compression=zipfile.ZIP_DEFLATED)
    valid = path.read_bytes()
    # offsets in the local header and in the index: flags at 6 and 8, the method at 8 and 10
    for offset, value, reason in [(6, 1, "password"), (8, 97, "compression")]:
        content = bytearray(valid)
        content[offset] = content[valid.index(b"PK\1\2") + offset + 2] = value
        (tmp_path / f"{value}.zip").write_bytes(content)
        with pytest.raises(UserError, match=f"cannot be unpacked .*{reason}"):
            open_images(tmp_path / f"{value}.zip")


def test_a_zip64_archive_is_read(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "images.zip", "w") as archive,
        archive.open("1.jpg", "w", force_zip64=True) as member,
    ):
        member.write(b"content")
    assert open_images(tmp_path / "images.zip").read("1.jpg") == b"content"


def test_folders_broken_links_and_pipes_named_like_images_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"content")
    (tmp_path / "2.jpg").mkdir()
    (tmp_path / "3.jpg").symlink_to("nowhere")
    (tmp_path / "4.jpg").symlink_to("4.jpg")
    os.mkfifo(tmp_path / "5.jpg")
    assert list(open_images(tmp_path).names()) == ["1.jpg"]
    assert images_signature(tmp_path).count(b".jpg") == 1


def test_an_unreadable_file_is_not_reported_as_damaged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone.jpg in .* cannot be read \(No such file") as error:
        decode_image(open_images(tmp_path), "gone.jpg")
    assert not isinstance(error.value, DamagedError)
