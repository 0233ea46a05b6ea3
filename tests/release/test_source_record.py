"""Repeated censoring of a folder whose photographs have changed."""

import os
import shutil
from dataclasses import replace

import pytest
from negative_mechanism import MANIFEST, NAMES, files, five_photographs, interrupted, run
from photographs import flat
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    return five_photographs(tmp_path)


def by_copy(path, image):
    """Replace a file with a copy that keeps the old time of another image."""
    image.save(path.parent / "other.tmp", format="PNG")
    os.utime(path.parent / "other.tmp", (1e9, 1e9))
    shutil.copy2(path.parent / "other.tmp", path)
    (path.parent / "other.tmp").unlink()


def by_renaming(path, image):
    """Rename an older file to replace a file."""
    image.save(path.parent.parent / "older.png")
    os.utime(path.parent.parent / "older.png", (1e9, 1e9))
    (path.parent.parent / "older.png").replace(path)


def in_place(path, image):
    """Overwrite a file with content of the same size, and restore its modification time."""
    before = path.stat()
    image.save(path)
    os.truncate(path, before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("replace_file", [by_copy, by_renaming, in_place])
def test_the_image_of_a_replaced_photograph_is_made_again(replace_file, photos):
    run(photos)
    times = {name: (photos / "out" / name).stat().st_mtime_ns for name in NAMES - {"a.png"}}
    replace_file(photos / "in/a.png", flat((200, 210, 220), 32, 24))
    released = run(photos)
    assert (released.censored, released.already_censored, released.recensored) == (1, 4, 1)
    assert Image.open(photos / "out/a.png").getpixel((5, 5)) == (55, 45, 35)
    assert {name: (photos / "out" / name).stat().st_mtime_ns for name in times} == times
    assert run(photos).already_censored == 5


def test_another_folder_with_the_same_names_is_censored_again(photos):
    (photos / "other").mkdir()
    flat((200, 210, 220), 32, 24).save(photos / "other/a.png")
    run(photos)
    (photos / "in").rename(photos / "first")
    (photos / "other").rename(photos / "in")
    released = run(photos)
    assert (released.censored, released.already_censored) == (1, 0)
    assert Image.open(photos / "out/a.png").getpixel((5, 5)) == (55, 45, 35)
    assert {str(path) for path in released.unrelated} == NAMES - {"a.png"}


def test_the_image_of_a_photograph_that_became_unreadable_is_removed(photos):
    run(photos)
    (photos / "in/a.png").write_bytes(b"damaged")
    os.mkfifo(photos / "in/fifo.png")
    (photos / "in/b.png").unlink()
    released = run(photos)
    assert {str(each.name) for each in released.skipped} == {"a.png", "fifo.png"}
    assert files(photos / "out") == NAMES - {"a.png"} | {"manifest.json", ".lock"}
    assert [str(path) for path in released.unrelated] == ["b.png"]


def test_an_interruption_leaves_no_outdated_image(photos):
    run(photos)
    by_copy(photos / "in/a.png", flat((200, 210, 220), 32, 24))
    with pytest.raises(KeyboardInterrupt):
        run(photos, censor=interrupted)
    assert not (photos / "out/a.png").exists()
    assert (run(photos).censored, run(photos).already_censored) == (1, 5)


def test_without_the_record_all_images_are_made_again(photos):
    run(photos)
    record = photos / "out.sources"
    assert record.stat().st_mode & 0o077 == 0
    whole = record.read_bytes()
    record.write_bytes(whole[:-20] + b"\n[1, 2, 3]\nnonsense\n")
    assert run(photos).recensored == 1
    record.unlink()
    assert run(photos).recensored == 5


def test_images_of_another_mechanism_are_removed_before_censoring(photos):
    run(photos)
    other = replace(MANIFEST, model={"mechanism": "other"})
    with pytest.raises(KeyboardInterrupt):
        run(photos, censor=interrupted, manifest=other, overwrite=True)
    assert not files(photos / "out") & NAMES
