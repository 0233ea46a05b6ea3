"""Single photographs, TIFF and HEIC, through the whole release."""

import importlib.util

import numpy as np
import pytest
from negative_mechanism import MANIFEST, NAMES, files, five_photographs, negative
from photographs import ORIENTATION, flat, noise
from PIL import Image
from test_face_censoring import background

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.release.folder_censoring import censor_folder
from privacy_gan.release.photos import find_photos
from privacy_gan.release.release_settings import ReleaseSettings
from privacy_gan.release.square_censoring import SquareCensor

NEW_SUBFILE_TYPE, DNG_VERSION = 254, 50706


def censor(source, output, overwrite=False):
    png = ReleaseFormat.parse("png")
    settings = ReleaseSettings(16, "whole", "original", png, batch_size=2)
    censor = SquareCensor(settings, negative)
    return censor_folder(source, output, settings, censor, MANIFEST, overwrite)


def save_heic(path, image, **options):
    from pillow_heif import from_pillow

    from_pillow(image).save(path, quality=-1, **options)


def test_a_single_photograph_is_censored_and_its_neighbours_are_not(tmp_path):
    source = five_photographs(tmp_path) / "in"
    report = censor(source / "c.jpg", tmp_path / "out")
    assert (report.censored, report.skipped, report.non_images) == (1, [], [])
    assert files(tmp_path / "out") == {"c.png", "manifest.json", ".lock"}
    assert censor(source / "c.jpg", tmp_path / "out").already_censored == 1
    # the output folder may be next to the photograph, since nothing else is read
    assert censor(source / "c.jpg", source / "out").censored == 1
    assert files(source) == NAMES - {"c.png", "deep/er/d.png"} | {
        *("c.jpg", "deep/er/d.webp", "out/c.png", "out/manifest.json", "out/.lock", "out.sources")
    }


def test_a_single_photograph_by_a_link_and_one_that_is_none(tmp_path):
    source = five_photographs(tmp_path) / "in"
    (tmp_path / "link.jpg").symlink_to(source / "c.jpg")
    assert censor(tmp_path / "link.jpg", tmp_path / "out").censored == 1
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="contains no photographs"):
        censor(tmp_path / "notes.txt", tmp_path / "other")
    for output in (source, tmp_path):
        with pytest.raises(UserError, match="choose an output folder elsewhere"):
            censor(source / "a.png", output, overwrite=True)
    assert Image.open(source / "a.png").getpixel((5, 5)) == (0, 100, 200)


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a", "a.jpg"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_tiff_images_are_photographs_whatever_their_name(name, compression, tmp_path):
    (tmp_path / "in").mkdir()
    flat((200, 100, 50)).save(tmp_path / "in" / name, "TIFF", compression=compression)
    assert censor(tmp_path / "in", tmp_path / "out").censored == 1
    (made,) = (tmp_path / "out").glob("*.png")
    np.testing.assert_allclose(Image.open(made).getpixel((5, 5)), (55, 155, 205), atol=3)


def test_the_preview_in_a_raw_photograph_is_not_taken_for_it(tmp_path):
    for number, tags in enumerate([{NEW_SUBFILE_TYPE: 1}, {DNG_VERSION: b"\1\4\0\0"}]):
        path = tmp_path / f"{number}.tif"
        flat((200, 100, 50)).save(path, tiffinfo=tags)
        with pytest.raises(UndecodableImageError, match="it is a raw photograph: convert it"):
            decode(path)
    flat((200, 100, 50)).save(tmp_path / "a.tif")
    (tmp_path / "a.tif").rename(tmp_path / "a.nef")
    (skipped,) = find_photos(tmp_path / "a.nef", ".png").skipped
    assert str(skipped) == "a.nef: its format (NEF) is not supported: convert it to JPEG or PNG"


def test_heic_images_are_photographs_and_are_turned_upright(tmp_path):
    (tmp_path / "in").mkdir()
    image = Image.fromarray(background(64, 48))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = Image.fromarray(np.rot90(np.asarray(image)))
    save_heic(tmp_path / "in/a.heic", image)
    save_heic(tmp_path / "in/b.HEIC", turned, exif=exif.tobytes())
    first, second = (np.asarray(decode(tmp_path / "in" / name)) for name in ("a.heic", "b.HEIC"))
    assert first.shape == second.shape == (48, 64, 3)
    assert np.abs(first.astype(int) - np.asarray(image)).mean() < 4
    assert np.abs(first.astype(int) - second).mean() < 4
    report = censor(tmp_path / "in", tmp_path / "out")
    assert report.censored == 2
    assert files(tmp_path / "out") == {"a.png", "b.png", "manifest.json", ".lock"}


def test_a_truncated_heic_image_is_reported(tmp_path):
    save_heic(tmp_path / "a.heic", noise(64, 48))
    content = (tmp_path / "a.heic").read_bytes()
    for length in (40, len(content) // 2, len(content) - 50):
        (tmp_path / "a.heic").write_bytes(content[:length])
        with pytest.raises(UndecodableImageError):
            decode(tmp_path / "a.heic")


def test_without_pillow_heif_one_line_says_what_to_install(tmp_path, monkeypatch):
    save_heic(tmp_path / "a.heic", flat((1, 2, 3)))
    monkeypatch.setattr("privacy_gan.data.decoding.find_spec", lambda name: None)
    (skipped,) = find_photos(tmp_path, ".png").skipped
    assert str(skipped) == (
        "a.heic: its format (HEIC) is not supported: convert it to JPEG or PNG, or "
        "pip install 'privacy_gan[photos]'"
    )
    with pytest.raises(UndecodableImageError, match="not a JPEG, PNG, WebP, TIFF or HEIC"):
        decode(tmp_path / "a.heic")
    assert importlib.util.find_spec("pillow_heif")
