"""The photographs in a folder, and the names of their censored versions."""

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


def test_targets_have_the_same_relative_path_and_the_suffix_of_the_format(tmp_path):
    make(tmp_path, "b.JPG", "a/x.y.jpeg", "a/ü ö(1).webp", "a/c/..png", "c.png")
    assert targets(tmp_path) == {
        "b.JPG": "b.png",
        "c.png": "c.png",
        "a/x.y.jpeg": "a/x.y.png",
        "a/ü ö(1).webp": "a/ü ö(1).png",
    }
    assert targets(tmp_path, ".jpg")["c.png"] == "c.jpg"


def test_files_that_are_not_images_are_listed(tmp_path):
    make(tmp_path, "a.jpg", "notes.txt", "b.mov", "._a.jpg", "noname")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["a.jpg"]
    assert [str(name) for name in found.non_images] == ["._a.jpg", "b.mov", "noname", "notes.txt"]
    assert not found.skipped


def test_two_photographs_never_share_a_target(tmp_path):
    make(tmp_path, "a.jpg", "a.png", "A.webp", "b.jpg")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["A.webp", "b.jpg"]
    assert [str(each) for each in found.skipped] == [
        "a.jpg: its censored version would be named like that of A.webp: rename one",
        "a.png: its censored version would be named like that of A.webp: rename one",
    ]


def test_links_are_reported_and_not_followed(tmp_path):
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


def test_control_characters_in_names_are_escaped(tmp_path):
    name = b"red\x1b[31m\n\xff.jpg"
    (tmp_path / os.fsdecode(name)).touch()
    (photo,) = find_photos(tmp_path, ".png").photos
    assert os.fsencode(photo.target) == b"red\x1b[31m\n\xff.png"
    escaped = escape_path(photo.name)
    assert escaped.isprintable()
    assert escaped == r"red\x1b[31m\n\udcff.jpg"


def test_photographs_are_detected_by_their_content(tmp_path):
    for name in ("a", "b.jfif", "c.heic", "d.jpeg_large", "e.2024", "f.png", "g.JPE"):
        flat((1, 2, 3)).save(tmp_path / name, format="JPEG")
    assert targets(tmp_path) == {
        "a": "a.png",
        "b.jfif": "b.jfif.png",
        "c.heic": "c.png",
        "d.jpeg_large": "d.jpeg_large.png",
        "e.2024": "e.2024.png",
        "f.png": "f.png",
        "g.JPE": "g.JPE.png",
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        ("a.tiff", b"II+\0", "BigTIFF"),
        ("a.NEF", b"MM\0*", "NEF"),
        ("a", b"II*\0\x10\0\0\0CR\2\0", "raw"),
        ("a.gif", b"GIF89a", "GIF"),
        ("a", b"BM\x36\x10\0\0\0\0\0\0", "BMP"),
        ("a.svg", b"<svg/>", "SVG"),
    ],
)
def test_images_of_unsupported_formats_are_reported(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    found = find_photos(tmp_path, ".png")
    assert not found.photos
    assert [str(each) for each in found.skipped] == [
        f"{name}: its format ({reason}) is not supported: convert it to JPEG or PNG"
    ]


def test_texts_and_videos_are_not_images(tmp_path):
    (tmp_path / "a.txt").write_text("BMW, II* and GIF")
    (tmp_path / "b.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (tmp_path / "c.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom")
    (tmp_path / "d.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    found = find_photos(tmp_path, ".png")
    assert len(found.non_images) == 4
    assert not found.skipped


def test_hidden_photographs_are_reported(tmp_path):
    flat((1, 2, 3)).save(tmp_path / ".trashed.jpg")
    (skipped,) = find_photos(tmp_path, ".png").skipped
    assert str(skipped).startswith(".trashed.jpg: its name begins with a dot")


def test_pipes_and_sockets_are_reported_and_never_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "a.jpg")  # opening it would block
    os.mkfifo(tmp_path / "b")
    monkeypatch.chdir(tmp_path)  # socket paths must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("c.png")
        found = find_photos(tmp_path, ".png")
    assert [str(each) for each in found.skipped] == [
        "a.jpg: it is a pipe, not a regular file",
        "b: it is a pipe, not a regular file",
        "c.png: it is a socket, not a regular file",
    ]


def test_a_target_is_neither_a_folder_nor_another_unicode_form_of_a_name(tmp_path):
    make(tmp_path, "a.jpg", "a.png/b.jpg", "\u00fc.jpg", "u\u0308.png")
    found = find_photos(tmp_path, ".png")
    assert [str(photo.name) for photo in found.photos] == ["u\u0308.png", "a.png/b.jpg"]
    assert [each.name.name for each in found.skipped] == ["a.jpg", "\u00fc.jpg"]
