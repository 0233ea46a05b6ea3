"""Which files of a folder are photographs, and what their censored versions are called."""

import os
import socket

import pytest
from photographs import flat

from privacy_gan.release.photos import escape_path, find_photos


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def targets(folder, suffix=".png"):
    return {str(p.name): str(p.target) for p in find_photos(folder, suffix).photos}


def test_relative_paths_are_kept_and_the_suffix_is_the_formats(tmp_path):
    make(tmp_path, "b.JPG", "a/x.y.jpeg", "a/ü ö(1).webp", "a/c/..png", "c.png")
    assert targets(tmp_path) == {
        "b.JPG": "b.png",
        "c.png": "c.png",
        "a/x.y.jpeg": "a/x.y.png",
        "a/ü ö(1).webp": "a/ü ö(1).png",
    }
    assert targets(tmp_path, ".jpg")["c.png"] == "c.jpg"


def test_what_is_no_picture_is_listed(tmp_path):
    make(tmp_path, "a.jpg", "notes.txt", "b.mov", "._a.jpg", "noname")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["a.jpg"]
    assert [str(name) for name in found.others] == ["._a.jpg", "b.mov", "noname", "notes.txt"]
    assert not found.skipped


def test_no_two_photographs_become_one_file(tmp_path):
    make(tmp_path, "a.jpg", "a.png", "A.webp", "b.jpg")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["A.webp", "b.jpg"]
    assert [str(each) for each in found.skipped] == [
        "a.jpg: its censored version would have the same name as that of A.webp: rename one of them",
        "a.png: its censored version would have the same name as that of A.webp: rename one of them",
    ]


def test_links_are_not_followed_but_named(tmp_path):
    outside = tmp_path / "outside"
    make(tmp_path, "in/a.jpg", "outside/private.jpg")
    folder = tmp_path / "in"
    (folder / "photo.jpg").symlink_to(outside / "private.jpg")
    (folder / "folder").symlink_to(outside)
    (folder / "loop").symlink_to("..")
    (folder / "nowhere.jpg").symlink_to("gone")
    found = find_photos(folder, ".png")
    assert [str(photo.name) for photo in found.photos] == ["a.jpg"]
    assert {str(each.name) for each in found.skipped} == {
        *("photo.jpg", "folder", "loop", "nowhere.jpg")
    }
    assert "links are not followed" in str(found.skipped[0])


def test_names_that_would_harm_a_terminal_are_shown_escaped(tmp_path):
    name = b"red\x1b[31m\n\xff.jpg"
    (tmp_path / os.fsdecode(name)).touch()
    (photo,) = find_photos(tmp_path, ".png").photos
    assert os.fsencode(photo.target) == b"red\x1b[31m\n\xff.png"
    shown = escape_path(photo.name)
    assert shown.isprintable()
    assert shown == r"red\x1b[31m\n\udcff.jpg"


def test_photographs_are_known_by_what_they_hold(tmp_path):
    for name in ("a", "b.jfif", "c.heic", "d.jpeg_large", "e.2024", "f.png", "g.JPE"):
        flat((1, 2, 3)).save(tmp_path / name, format="JPEG")
    assert targets(tmp_path) == {
        "a": "a.png",
        "b.jfif": "b.jfif.png",
        "c.heic": "c.heic.png",
        "d.jpeg_large": "d.jpeg_large.png",
        "e.2024": "e.2024.png",
        "f.png": "f.png",
        "g.JPE": "g.JPE.png",
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        ("a", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        ("a.tiff", b"II*\0", "TIFF"),
        ("a.NEF", b"MM\0*", "NEF"),
        ("a.gif", b"GIF89a", "GIF"),
        ("a", b"BM\x36\x10\0\0\0\0\0\0", "BMP"),
        ("damaged.heic", b"", "HEIC"),
        ("a.svg", b"<svg/>", "SVG"),
    ],
)
def test_pictures_of_other_formats_are_named(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    found = find_photos(tmp_path, ".png")
    assert not found.photos
    assert [str(each) for each in found.skipped] == [
        f"{name}: its format ({reason}) is not supported: convert it to JPEG, PNG or WebP"
    ]


def test_texts_and_videos_are_no_pictures(tmp_path):
    (tmp_path / "a.txt").write_text("BMW, II* and GIF")
    (tmp_path / "b.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (tmp_path / "c.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom")
    (tmp_path / "d.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    found = find_photos(tmp_path, ".png")
    assert len(found.others) == 4
    assert not found.skipped


def test_hidden_photographs_are_named(tmp_path):
    flat((1, 2, 3)).save(tmp_path / ".trashed.jpg")
    (skipped,) = find_photos(tmp_path, ".png").skipped
    assert str(skipped).startswith(".trashed.jpg: its name begins with a dot")


def test_pipes_and_sockets_are_named_and_never_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "a.jpg")  # whoever opened it would wait for ever
    os.mkfifo(tmp_path / "b")
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("c.png")
        found = find_photos(tmp_path, ".png")
    assert [str(each) for each in found.skipped] == [
        "a.jpg: it is a pipe, not a regular file",
        "b: it is a pipe, not a regular file",
        "c.png: it is a socket, not a regular file",
    ]


def test_no_photograph_takes_a_folders_name_or_another_spelling(tmp_path):
    make(tmp_path, "a.jpg", "a.png/b.jpg", "\u00fc.jpg", "u\u0308.png")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["u\u0308.png", "a.png/b.jpg"]
    assert [each.name.name for each in found.skipped] == ["a.jpg", "\u00fc.jpg"]
