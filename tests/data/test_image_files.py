"""Image files become squares of one size: pixels worked out by hand."""

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
    decode,
    images_signature,
    open_images,
    resize_to_square,
)
from privacy_gan.errors import UserError


def one_image(folder: Path, content: bytes, crop: int | None = None) -> npt.NDArray[np.uint8]:
    (folder / "one.jpg").write_bytes(content)
    return np.asarray(resize_to_square(decode(open_images(folder), "one.jpg"), 16, crop))


def test_crop_and_antialiased_resize_by_hand(tmp_path: Path) -> None:
    # 178x218 with a frame of 255 around a centred square of 160 pixels, whose left half is 0
    # and right half 200. Shrunk tenfold, a pixel weighs 20 columns by a triangle; the column of
    # pixels left of the edge reaches 5 columns over it, of weights 0.45, 0.35, 0.25, 0.15, 0.05
    # out of 10: 200 * 1.25 / 10 = 25. Cropping one pixel off would show as 255 leaking in.
    pixels = np.full((218, 178, 3), 255, np.uint8)
    pixels[29:189, 9:89] = 0
    pixels[29:189, 89:169] = 200
    square = one_image(tmp_path, encode(Image.fromarray(pixels), "PNG"), crop=160)
    row = [0] * 7 + [25, 175] + [200] * 7
    np.testing.assert_array_equal(square[:, :, 1], [row] * 16)


def test_quadrants_keep_their_places_and_colours(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, :32], pixels[:32, 32:] = (250, 10, 20), (30, 240, 40)
    pixels[32:, :32], pixels[32:, 32:] = (50, 60, 230), (220, 210, 70)
    image = one_image(tmp_path, encode(Image.fromarray(pixels), "PNG"))
    corners = [image[y, x].tolist() for y in (2, 13) for x in (2, 13)]
    assert corners == [[250, 10, 20], [30, 240, 40], [50, 60, 230], [220, 210, 70]]


def test_an_image_of_the_right_size_is_not_resampled(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = one_image(tmp_path, encode(Image.fromarray(pixels), "PNG"))
    np.testing.assert_array_equal(image, pixels)


def test_a_fine_checkerboard_becomes_grey(tmp_path: Path) -> None:
    board = (np.indices((160, 160)).sum(0) % 2 * 200).astype(np.uint8)
    image = one_image(tmp_path, encode(Image.fromarray(board), "PNG"))
    assert np.abs(image.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA"])
def test_other_colour_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    white = Image.new("RGB", (16, 16), "white").convert(mode)
    content = encode(white, "TIFF" if mode == "CMYK" else "PNG")
    assert (one_image(tmp_path, content) == 255).all()


def test_exif_orientation_is_followed(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    content = encode(Image.fromarray(pixels), "JPEG", quality=95, exif=exif)
    image = one_image(tmp_path, content)
    assert image[:6].max() < 30
    assert image[-6:].min() > 225


def test_a_folder_and_a_zip_hold_the_same_images_and_nothing_else(tmp_path: Path) -> None:
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


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"one.jpg in .* cannot be decoded \(not an image\)"):
        one_image(tmp_path, b"no image")
    (tmp_path / "images.zip").write_bytes(b"no zip")
    with pytest.raises(DamagedError, match=r"images.zip is truncated or damaged"):
        open_images(tmp_path / "images.zip")


def zipped(path: Path, *members: str, packed: int = zipfile.ZIP_STORED) -> Path:
    """Return a zip whose members hold their own names."""
    with zipfile.ZipFile(path, "w", packed) as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member), member, packed)
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
def test_of_a_zips_folders_celebas_own_counts(members: tuple[str, ...], tmp_path: Path) -> None:
    stored = open_images(zipped(tmp_path / "images.zip", *members))
    assert list(stored.names()) == ["1.jpg"]
    meant = [m for m in members if "thumbs" not in m and "MACOSX" not in m]
    assert stored.read("1.jpg").decode() == max(meant, key=lambda name: "align" in name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("a/1.jpg", "b/1.jpg"), "as a/1.jpg and as b/1.jpg"),
        (("1.jpg", "b/1.jpg"), "as 1.jpg and as b/1.jpg"),
        (("img_align_celeba/1.jpg", "x/img_align_celeba/1.jpg"), "as img_align_celeba/1.jpg and"),
        (("img_align_celeba/1.jpg",) * 2, "img_align_celeba/1.jpg twice"),
    ],
)
def test_a_zip_with_two_images_of_a_name_is_refused_naming_both(
    members: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    path = zipped(tmp_path / "images.zip", *members)
    with pytest.raises(UserError, match=message) as refused:
        open_images(path)
    assert str(path) in str(refused.value)


def test_a_zip_that_cannot_be_unpacked_is_one_line(tmp_path: Path) -> None:
    sound = zipped(tmp_path / "sound.zip", "1.jpg", packed=zipfile.ZIP_DEFLATED).read_bytes()
    # the headers before the file and in the index: flags at 6 and 8, the method at 8 and 10
    for place, value, reason in [(6, 1, "password"), (8, 97, "compression")]:
        content = bytearray(sound)
        content[place] = content[sound.index(b"PK\1\2") + place + 2] = value
        (tmp_path / f"{value}.zip").write_bytes(content)
        with pytest.raises(UserError, match=f"cannot be unpacked here .*{reason}"):
            open_images(tmp_path / f"{value}.zip")


def test_a_large_zip_is_read(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "images.zip", "w") as archive,
        archive.open("1.jpg", "w", force_zip64=True) as member,
    ):
        member.write(b"content")
    assert open_images(tmp_path / "images.zip").read("1.jpg") == b"content"


def test_what_only_has_an_images_name_is_not_listed_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"content")
    (tmp_path / "2.jpg").mkdir()
    (tmp_path / "3.jpg").symlink_to("nowhere")
    (tmp_path / "4.jpg").symlink_to("4.jpg")
    os.mkfifo(tmp_path / "5.jpg")
    assert list(open_images(tmp_path).names()) == ["1.jpg"]
    assert images_signature(tmp_path).count(b".jpg") == 1


def test_a_file_that_the_system_does_not_read_is_no_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone.jpg in .* cannot be read \(No such file") as refused:
        decode(open_images(tmp_path), "gone.jpg")
    assert not isinstance(refused.value, DamagedError)
