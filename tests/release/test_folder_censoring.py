"""A folder of photographs becomes a folder of censored images and nothing else."""

import json
import os

import numpy as np
import pytest
from negative_mechanism import NAMES, files, five_photographs, negative, run
from photographs import flat, jpeg_segments, located, noise, png_chunks, swapped_profile
from PIL import Image

from privacy_gan.errors import FolderLocked, UserError
from privacy_gan.release.output_folder import lock_output


@pytest.fixture
def photos(tmp_path):
    return five_photographs(tmp_path)


def test_censored_images_have_the_names_and_sizes_of_the_photographs(photos):
    released = run(photos)
    assert (released.censored, released.already_censored, released.skipped) == (5, 0, [])
    assert files(photos / "out") == NAMES | {"manifest.json", ".lock"}
    image = Image.open(photos / "out" / "e.png")
    assert image.size == (32, 24)
    assert image.getpixel((5, 5)) == (95, 155, 55)


def test_images_can_have_the_size_of_the_model(photos):
    run(photos, size="model")
    assert Image.open(photos / "out" / "deep/er/d.png").size == (16, 16)


def test_fit_center_outputs_only_the_centre(tmp_path):
    (tmp_path / "in").mkdir()
    image = flat((255, 0, 0), 96, 32)
    image.paste((0, 0, 0), (32, 0, 64, 32))
    image.save(tmp_path / "in" / "a.png")
    run(tmp_path, fit="center")
    out = Image.open(tmp_path / "out" / "a.png")
    assert out.size == (32, 32)
    assert (np.asarray(out) == 255).all()


def test_a_jpeg_has_the_configured_quality(photos):
    pixels = noise(64, 64)
    pixels.save(photos / "in" / "a.png")
    run(photos, format="jpeg-90", size="model")
    square = 255 - np.asarray(pixels.resize((16, 16), Image.Resampling.BILINEAR))
    Image.fromarray(square).save(photos / "expected.jpg", quality=90)
    assert (photos / "out" / "a.jpg").read_bytes() == (photos / "expected.jpg").read_bytes()
    assert "c.jpg" in files(photos / "out")


@pytest.mark.parametrize("form", ["png", "jpeg-90"])
def test_nothing_but_pixels_is_written(form, tmp_path):
    (tmp_path / "in").mkdir()
    where = tmp_path / "in"
    noise(32, 32).save(
        where / "a.jpg", exif=located(), comment=b"SECRET-WORDS", icc_profile=swapped_profile()
    )
    noise(32, 32).save(where / "b.webp", exif=located(), xmp=b"<x>SECRET-WORDS</x>")
    noise(32, 32).save(where / "c.png", exif=located(), dpi=(300, 300))
    assert b"SECRET-WORDS" in (where / "a.jpg").read_bytes()
    run(tmp_path, form)
    for path in (tmp_path / "out").glob("?.*"):
        content = path.read_bytes()
        assert b"SECRET" not in content
        if form == "png":
            assert set(png_chunks(content)) == {b"IHDR", b"IDAT", b"IEND"}
        else:
            markers = {marker for marker, _ in jpeg_segments(content)}
            # JFIF's header, tables, the frame and the scan; 1 to 15 of E0 are EXIF, ICC and others
            assert markers <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
        image = Image.open(path)
        assert not image.getexif()
        assert not {"icc_profile", "comment", "xmp", "exif"} & set(image.info)


def test_unreadable_photographs_are_reported_and_the_others_censored(photos):
    (photos / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    (photos / "in" / "secret.txt").write_text("not an image")
    (photos / "in" / "link.png").symlink_to("a.png")
    released = run(photos)
    assert released.censored == 5
    assert {str(each.name) for each in released.skipped} == {"broken.jpg", "link.png"}
    assert released.counts == {"censored": 5, "skipped": 2, "other_files": 1}
    assert json.loads((photos / "out/manifest.json").read_text())["counts"] == released.counts
    assert files(photos / "out") == NAMES | {"manifest.json", ".lock"}


def test_existing_images_are_not_made_again(photos):
    run(photos)
    time = (photos / "out/b.png").stat().st_mtime_ns
    (photos / "out/a.png").unlink()
    flat((1, 2, 3)).save(photos / "in/new.png")
    released = run(photos)
    assert (released.censored, released.already_censored) == (2, 4)
    assert (photos / "out/b.png").stat().st_mtime_ns == time
    assert released.counts["censored"] == 6


def test_an_interrupted_job_resumes(photos):
    batches = []

    def interrupted_later(images):
        if batches:
            raise KeyboardInterrupt
        batches.append(len(images))
        return negative(images)

    with pytest.raises(KeyboardInterrupt):
        run(photos, censor=interrupted_later)
    assert batches == [2]
    manifest = json.loads((photos / "out/manifest.json").read_text())
    assert not manifest["finished"]
    (photos / "out/deep/er").mkdir(parents=True)
    (photos / "out/deep/er/.d.png.partial").write_bytes(b"half")  # as a killed process leaves it
    released = run(photos)
    assert (released.censored, released.already_censored) == (3, 2)
    assert files(photos / "out") == NAMES | {"manifest.json", ".lock"}
    assert json.loads((photos / "out/manifest.json").read_text())["finished"]


def test_an_output_folder_with_other_images_is_refused(photos):
    out = photos / "out"
    out.mkdir()
    original = flat((9, 9, 9))
    original.save(out / "a.png")
    with pytest.raises(UserError, match=r"contains a\.png, which another command made"):
        run(photos)
    assert files(out) == {"a.png", ".lock"}
    (out / "a.png").unlink()
    run(photos)
    text = (out / "manifest.json").read_text().replace("negative", "positive")
    (out / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="another command made"):
        run(photos)


def test_overwrite_replaces_all_images_and_reports_unrelated_files(photos):
    (photos / "out").mkdir()
    for name in ("a.png", "other.png"):
        flat((9, 9, 9)).save(photos / "out" / name)
    released = run(photos, overwrite=True)
    assert (released.censored, released.already_censored) == (5, 0)
    assert [str(path) for path in released.unrelated] == ["other.png"]
    assert Image.open(photos / "out/a.png").getpixel((5, 5)) == (255, 155, 55)
    assert run(photos, overwrite=True).censored == 5


@pytest.mark.parametrize("output", ["in", "in/out", "."])
def test_nested_input_and_output_folders_are_refused(output, photos):
    before = files(photos)
    with pytest.raises(UserError, match="one contains the other"):
        run(photos, output=output, overwrite=True)
    assert files(photos) == before


def test_links_in_the_output_folder_are_not_followed(photos):
    outside = photos / "outside"
    outside.mkdir()
    (photos / "out").mkdir()
    (photos / "out/deep").symlink_to(outside)
    with pytest.raises(UserError, match="a link that leads out of output="):
        run(photos, overwrite=True)
    assert not files(outside)
    (photos / "out/deep").unlink()
    victim = outside / "victim"
    victim.write_text("unharmed")
    for name in ("a.png", ".b.png.partial", ".manifest.json.partial"):
        (photos / "out" / name).unlink(missing_ok=True)
        (photos / "out" / name).symlink_to(victim)
    run(photos, overwrite=True)
    assert victim.read_text() == "unharmed"
    assert not (photos / "out/a.png").is_symlink()


def test_a_photograph_with_a_name_that_is_too_long_is_skipped(photos):
    name = "x" * 251 + ".png"
    flat((1, 1, 1)).save(photos / "in" / name)
    released = run(photos)
    assert released.censored == 5
    assert [str(each.name) for each in released.skipped] == [name]


@pytest.mark.parametrize("others", [0, 2])
def test_a_folder_without_photographs_is_refused_and_no_output_is_created(others, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(others):
        (tmp_path / "in" / f"{number}.txt").touch()
    with pytest.raises(UserError, match=rf"no photographs .* other files: {others}$"):
        run(tmp_path)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="does not exist: give a photograph"):
        run(tmp_path / "elsewhere")


def test_only_one_job_writes_to_a_folder_at_a_time(photos):
    (photos / "out").mkdir()
    with (
        lock_output(photos / "out"),
        pytest.raises(FolderLocked, match="another process is writing to"),
    ):
        run(photos)
    assert run(photos).censored == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fit": "most"}, "fit=most is unknown: choose whole, center or faces"),
        ({"size": "large"}, "size=large is unknown: choose original or model"),
        ({"format": "gif"}, "released_as=gif is unknown"),
        ({"format": "jpeg-0"}, "a quality from 1 to 100"),
        ({"format": "jpeg-101"}, "a quality from 1 to 100"),
    ],
)
def test_unknown_choices_are_refused(changes, message, photos):
    with pytest.raises(UserError, match=message):
        run(photos, **changes)


def test_a_folder_that_cannot_be_read_is_reported(photos):
    if os.geteuid() == 0:
        pytest.skip("root can read every folder")
    closed = photos / "in" / "closed"
    closed.mkdir(mode=0)
    released = run(photos)
    closed.chmod(0o700)
    assert [str(each) for each in released.skipped] == [
        "closed: this folder cannot be read (Permission denied)"
    ]
