"""Missing, damaged and inconsistent files of CelebA raise a one-line error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from celeba_layouts import (
    HTML,
    LAYOUTS,
    FakeCelebA,
    official_folder,
    official_zip,
    read_everything,
    renumber,
    write_zip,
)

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.errors import UserError

RELEASE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"


def read_error(source):
    with pytest.raises(UserError) as caught:
        read_everything(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("size", "nearest"), [(100, "96 or 112"), (15, "16"), (0, "16"), (-16, "16"), (65, "64 or 80")]
)
def test_image_sizes_must_be_multiples_of_16(size, nearest, tmp_path):
    with pytest.raises(UserError, match=f"image_size={size} .*16: use {nearest}$"):
        CelebASource(tmp_path, size)


def test_invalid_crops(fake, tmp_path):
    official_zip(tmp_path, fake)
    read_everything(CelebASource(tmp_path, 16, crop=178))
    message = read_error(CelebASource(tmp_path, 16, crop=179))
    assert "data.crop=179 is larger than 000001.jpg" in message
    assert "178x218 pixels: use at most 178" in message
    with pytest.raises(UserError, match=r"data\.crop=0"):
        CelebASource(tmp_path, 16, crop=0)


def test_a_missing_root_folder(tmp_path):
    message = read_error(CelebASource(tmp_path / "nowhere", 16))
    assert f"{tmp_path / 'nowhere'} is not a folder" in message
    assert RELEASE in message


@pytest.mark.parametrize(
    "missing", ["img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"]
)
def test_missing_files(missing, fake, tmp_path):
    official_zip(tmp_path, fake)
    (tmp_path / missing).unlink()
    message = read_error(CelebASource(tmp_path, 16))
    problem = message[: message.index(RELEASE)]
    assert missing.removesuffix(".txt") in problem
    assert str(tmp_path) in problem


@pytest.mark.parametrize(
    "name", ["img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"]
)
def test_web_pages_instead_of_files(name, fake, tmp_path):
    official_zip(tmp_path, fake)
    (tmp_path / name).write_text(HTML)
    message = read_error(CelebASource(tmp_path, 16))
    assert f"{tmp_path / name} is a web page" in message
    assert "quota" in message
    assert RELEASE in message


def test_a_truncated_zip(fake, tmp_path):
    official_zip(tmp_path, fake)
    archive = tmp_path / "img_align_celeba.zip"
    archive.write_bytes(archive.read_bytes()[:-1000])
    message = read_error(CelebASource(tmp_path, 16))
    assert f"{archive} is truncated or damaged" in message


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "edit", "expected"),
    [
        (
            "list_attr_celeba.txt",
            lambda text: "\n".join(text.split("\n")[:5]),
            "lacks 3 of the 6 images in",
        ),
        ("list_attr_celeba.txt", lambda text: text[: len(text) // 2], "instead of 41 fields"),
        ("list_attr_celeba.txt", lambda text: text[:40], "lists no images"),
        ("list_attr_celeba.txt", lambda text: "", "is empty: it lists no images"),
        (
            "list_attr_celeba.txt",
            lambda text: text.replace(" -1", " 2", 1),
            "has the value '2' for Attribute_",
        ),
        (
            "list_attr_celeba.txt",
            lambda text: text.replace("000004", "000001"),
            "000001.jpg occurs more than once",
        ),
        (
            "list_attr_celeba.txt",
            lambda text: text.replace("Smiling", "Attribute_0"),
            "Attribute_0",
        ),
        ("list_eval_partition.txt", lambda text: text.replace(" 2", " 3", 1), "the value '3'"),
        (
            "list_eval_partition.txt",
            lambda text: text[:-2],
            "has 1 instead of 2 fields",
        ),
        ("list_eval_partition.txt", lambda text: "", "lists no images"),
        (
            "list_eval_partition.txt",
            lambda text: text.replace("000004", "000001"),
            "000001.jpg occurs more than once",
        ),
    ],
)
def test_damaged_lists(name, edit, expected, fake, tmp_path):
    official_zip(tmp_path, fake)
    path = tmp_path / name
    path.write_text(edit(path.read_text()))
    message = read_error(CelebASource(tmp_path, 16))
    assert str(path) in message
    assert expected in message


def test_damaged_csv_and_binary_lists(fake, tmp_path):
    LAYOUTS["csv_mirror"](tmp_path, fake)
    path = tmp_path / "list_attr_celeba.csv"
    path.write_text("\n".join(path.read_text().split("\n")[1:]))
    assert "has no attribute names: line 1 begins with 000001.jpg" in read_error(
        CelebASource(tmp_path, 16)
    )
    path.write_bytes(b"\xff\x01\x00\x80")
    assert "is not a text file" in read_error(CelebASource(tmp_path, 16))


def drop_image(fake, index):
    name = list(fake.files)[index]
    return FakeCelebA(
        {key: value for key, value in fake.files.items() if key != name},
        np.delete(fake.attributes, index, axis=0),
        np.delete(fake.splits, index),
    )


@pytest.mark.parametrize(
    ("subset_of", "path", "other"),
    [
        ("images", "list_attr_celeba.txt", "img_align_celeba"),
        ("attributes", "list_eval_partition.txt", "list_attr_celeba.txt"),
        ("partition", "list_attr_celeba.txt", "list_eval_partition.txt"),
        ("both lists", "img_align_celeba", "list_attr_celeba.txt"),
    ],
)
def test_inconsistent_files(subset_of, path, other, fake, tmp_path):
    official_folder(tmp_path, fake)
    subset = drop_image(fake, 2)
    if subset_of == "images":
        (tmp_path / "img_align_celeba" / "000007.jpg").unlink()
    if subset_of in ("attributes", "both lists"):
        (tmp_path / "list_attr_celeba.txt").write_text(subset.txt_attributes())
    if subset_of in ("partition", "both lists"):
        (tmp_path / "list_eval_partition.txt").write_text(subset.txt_partition())
    message = read_error(CelebASource(tmp_path, 16))
    expected = (
        f"{tmp_path / other} lacks 1 of the 6 images in {tmp_path / path}, such as 000007.jpg"
    )
    assert expected in message


def test_differences_in_both_directions_are_reported(fake, tmp_path):
    official_zip(tmp_path, fake)
    files = dict(fake.files)
    files["123456.jpg"] = files.pop("000004.jpg")
    write_zip(tmp_path / "img_align_celeba.zip", files)
    message = read_error(CelebASource(tmp_path, 16))
    assert "such as 000004.jpg" in message
    assert "such as 123456.jpg" in message


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "html"])
@pytest.mark.parametrize("layout", ["official_zip", "official_folder"])
def test_an_undecodable_image_is_named(layout, damage, fake, tmp_path):
    content = fake.files["000010.jpg"]
    bad = {
        "truncated": content[:-200],
        "text": b"not an image",
        "empty": b"",
        "html": HTML.encode(),
    }
    damaged = replace(fake, files={**fake.files, "000010.jpg": bad[damage]})
    LAYOUTS[layout](tmp_path, damaged)
    message = read_error(CelebASource(tmp_path, 16))
    container = "img_align_celeba.zip" if "zip" in layout else "img_align_celeba"
    reason = "image file is truncated" if damage == "truncated" else "not an image): replace it"
    assert f"000010.jpg in {tmp_path / container} cannot be decoded ({reason}" in message


def test_a_flipped_bit_in_the_zip_is_detected(fake, tmp_path):
    official_zip(tmp_path, fake)
    archive = tmp_path / "img_align_celeba.zip"
    content = bytearray(archive.read_bytes())
    position = content.index(fake.files["000010.jpg"]) + len(fake.files["000010.jpg"]) // 2
    content[position] ^= 4
    archive.write_bytes(content)
    assert "000010.jpg" in read_error(CelebASource(tmp_path, 16))


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([1, 2, 3, 4, 5, 6], "none of the images is in CelebA's validation split"),
        ([1, 162_771, 182_638, 202_600, 5, 6], "the name of 202600.jpg is not its number"),
    ],
)
def test_unknown_splits_without_a_list_of_splits(numbers, problem, fake, tmp_path):
    official_zip(tmp_path, renumber(fake, numbers))
    (tmp_path / "list_eval_partition.txt").unlink()
    message = read_error(CelebASource(tmp_path, 16))
    assert f"list_eval_partition (.txt or .csv) is missing in {tmp_path}, and {problem}" in message


def test_two_copies_in_the_folder_are_both_named(fake, tmp_path):
    official_zip(tmp_path / "a", fake)
    official_zip(tmp_path / "b", fake)
    message = read_error(CelebASource(tmp_path, 16))
    assert f"has two copies of CelebA, {tmp_path / 'a'} and {tmp_path / 'b'}" in message
