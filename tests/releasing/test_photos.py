"""Which files of a folder are photographs, and what their censored versions are called."""

import os

from privacy_gan.releasing.photos import photos_in, printable


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def targets(folder, suffix=".png"):
    return {str(p.name): str(p.target) for p in photos_in(folder, suffix).photos}


def test_relative_paths_are_kept_and_the_suffix_is_the_formats(tmp_path):
    make(tmp_path, "b.JPG", "a/x.y.jpeg", "a/ü ö(1).webp", "a/c/..png", "c.png")
    assert targets(tmp_path) == {
        "b.JPG": "b.png",
        "c.png": "c.png",
        "a/x.y.jpeg": "a/x.y.png",
        "a/ü ö(1).webp": "a/ü ö(1).png",
    }
    assert targets(tmp_path, ".jpg")["c.png"] == "c.jpg"


def test_what_is_no_photograph_is_counted(tmp_path):
    make(tmp_path, "a.jpg", "notes.txt", "b.tif", "._a.jpg", "noname")
    found = photos_in(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["a.jpg"]
    assert found.others == 4
    assert not found.skipped


def test_no_two_photographs_become_one_file(tmp_path):
    make(tmp_path, "a.jpg", "a.png", "A.webp", "b.jpg")
    found = photos_in(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["A.webp", "b.jpg"]
    assert [str(each) for each in found.skipped] == [
        "a.jpg: its censored version would be named as that of A.webp: rename one",
        "a.png: its censored version would be named as that of A.webp: rename one",
    ]


def test_links_are_not_followed_but_named(tmp_path):
    outside = tmp_path / "outside"
    make(tmp_path, "in/a.jpg", "outside/private.jpg")
    folder = tmp_path / "in"
    (folder / "photo.jpg").symlink_to(outside / "private.jpg")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to("..")
    (folder / "nowhere.jpg").symlink_to("gone")
    found = photos_in(folder, ".png")
    assert [str(photo.name) for photo in found.photos] == ["a.jpg"]
    assert {str(each.name) for each in found.skipped} == {
        *("photo.jpg", "folder", "loop", "nowhere.jpg")
    }
    assert "links are not followed" in str(found.skipped[0])


def test_names_that_would_harm_a_terminal_are_shown_escaped(tmp_path):
    name = b"red\x1b[31m\n\xff.jpg"
    (tmp_path / os.fsdecode(name)).touch()
    (photo,) = photos_in(tmp_path, ".png").photos
    assert os.fsencode(photo.target) == b"red\x1b[31m\n\xff.png"
    shown = printable(photo.name)
    assert shown.isprintable()
    assert shown == r"red\x1b[31m\n\udcff.jpg"
