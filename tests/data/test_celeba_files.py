"""CelebA's files: every layout, pixels worked out by hand, and one clear line for each defect."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from celeba_layouts import (
    ATTRIBUTE_NAMES,
    LAYOUTS,
    FakeCelebA,
    make_fake,
    official_folder,
    official_zip,
    write_zip,
)
from commands import run
from PIL import Image

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.errors import UserError

RELEASE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
HTML = "\n  <!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


@pytest.fixture(scope="module")
def fake() -> FakeCelebA:
    return make_fake()


def one_image(root: Path, content: bytes) -> CelebASource:
    labels = np.zeros((1, len(ATTRIBUTE_NAMES)), np.uint8)
    official_folder(root, FakeCelebA({"000001.jpg": content}, labels, np.zeros(1, np.uint8)))
    return CelebASource(root, 16)


def read_everything(source: CelebASource) -> None:
    source.fingerprint()
    _, splits = source.labels()
    source.images(0, len(splits))


def error_of(source: CelebASource) -> str:
    with pytest.raises(UserError) as caught:
        read_everything(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- What is read


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_the_same(layout: str, fake: FakeCelebA, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path, fake)
    source = CelebASource(tmp_path, 32)
    attributes, splits = source.labels()
    images = source.images(1, 5)

    assert source.attribute_names == ATTRIBUTE_NAMES
    assert attributes.dtype == splits.dtype == images.dtype == np.uint8
    np.testing.assert_array_equal(attributes, fake.attributes)
    np.testing.assert_array_equal(splits, fake.splits)
    expected = [
        np.asarray(Image.open(BytesIO(content)).resize((32, 32), Image.Resampling.BILINEAR))
        for content in list(fake.files.values())[1:5]
    ]
    np.testing.assert_array_equal(images, expected)


def test_a_folder_of_images_comes_before_a_zip(fake: FakeCelebA, tmp_path: Path) -> None:
    official_folder(tmp_path, fake)
    (tmp_path / "img_align_celeba.zip").write_text(HTML)
    read_everything(CelebASource(tmp_path, 16))


def test_an_empty_folder_does_not_hide_the_zip(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    (tmp_path / "img_align_celeba").mkdir()
    read_everything(CelebASource(tmp_path, 16))


def test_splits_follow_the_names_not_the_line_numbers(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    partition = tmp_path / "list_eval_partition.txt"
    partition.write_text("\n".join(reversed(partition.read_text().split("\n"))).strip())
    _, splits = CelebASource(tmp_path, 16).labels()
    np.testing.assert_array_equal(splits, fake.splits)


def test_images_are_read_without_labels_and_after_pickling(
    fake: FakeCelebA, tmp_path: Path
) -> None:
    official_zip(tmp_path, fake)
    source = CelebASource(tmp_path, 16)
    first = source.images(0, 6)
    source.labels()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).images(0, 6), first)


OFFICIAL = {1: 0, 162_770: 0, 162_771: 1, 182_637: 1, 182_638: 2, 202_599: 2}


def numbered(fake: FakeCelebA, numbers: list[int]) -> FakeCelebA:
    names = [f"{number:06d}.jpg" for number in numbers]
    return replace(fake, files=dict(zip(names, fake.files.values(), strict=True)))


def test_without_a_list_of_splits_the_images_numbers_tell_them(
    fake: FakeCelebA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    official_zip(tmp_path, numbered(fake, list(OFFICIAL)))
    source = CelebASource(tmp_path, 16)
    with_list = source.content_key()
    (tmp_path / "list_eval_partition.txt").unlink()
    _, splits = source.labels()
    assert splits.tolist() == list(OFFICIAL.values())
    assert source.content_key() != with_list
    assert "has no list_eval_partition: images are divided by their numbers" in caplog.text


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([1, 2, 3, 4, 5, 6], "none of the images is one of CelebA's validation images"),
        ([1, 162_771, 182_638, 202_600, 5, 6], "202600.jpg is not called by its number"),
    ],
)
def test_splits_that_cannot_be_told_are_missing(
    numbers: list[int], told: str, fake: FakeCelebA, tmp_path: Path
) -> None:
    official_zip(tmp_path, numbered(fake, numbers))
    (tmp_path / "list_eval_partition.txt").unlink()
    message = error_of(CelebASource(tmp_path, 16))
    assert f"list_eval_partition (.txt or .csv) is missing in {tmp_path}, and {told}" in message


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("pngs_listed_as_jpg", "6 of 6 names found their images in"),
        ("wrong_count", "announces 202,599 images in its first line, and 6 follow"),
        ("official_zip", ""),
    ],
)
def test_what_a_copy_has_otherwise_is_said(
    layout: str,
    told: str,
    fake: FakeCelebA,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    LAYOUTS[layout](tmp_path, fake)
    CelebASource(tmp_path, 16).labels()
    assert told in caplog.text
    assert bool(told) == bool(caplog.text)


def test_two_copies_below_the_folder_are_both_named(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path / "a", fake)
    official_zip(tmp_path / "b", fake)
    message = error_of(CelebASource(tmp_path, 16))
    assert f"holds two copies of CelebA, {tmp_path / 'a'} and {tmp_path / 'b'}" in message


# --- Names and fingerprints


def test_names_tell_sizes_and_crops_apart(tmp_path: Path) -> None:
    assert CelebASource(tmp_path, 64).name == "celeba-64"
    assert CelebASource(tmp_path, 128, 178).name == "celeba-128-crop178"


@pytest.mark.parametrize("layout", ["official_zip", "official_folder"])
def test_fingerprint_follows_every_part(layout: str, fake: FakeCelebA, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path, fake)
    source = CelebASource(tmp_path, 16)
    seen = [source.fingerprint()]
    assert CelebASource(tmp_path, 16).fingerprint() == seen[0]

    def changed(source: CelebASource) -> bool:
        seen.append(source.fingerprint())
        return len(set(seen)) == len(seen)

    assert changed(replace(source, image_size=32))
    assert changed(replace(source, crop=100))
    images = tmp_path / "img_align_celeba.zip"
    image = images if images.exists() else tmp_path / "img_align_celeba" / next(iter(fake.files))
    os.utime(image, ns=(0, 0))
    assert changed(source)
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        path = tmp_path / name
        before = path.stat()
        lines = path.read_text().split("\n")
        lines[-2], lines[-3] = lines[-3], lines[-2]
        path.write_text("\n".join(lines))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert changed(source)


def test_labels_and_images_follow_a_release_that_was_replaced(
    fake: FakeCelebA, tmp_path: Path
) -> None:
    source = CelebASource(tmp_path, 16)
    official_zip(tmp_path, fake)
    read_everything(source)
    other = make_fake(count=3, size=(64, 64))
    other = replace(other, files={f"9{name}": content for name, content in other.files.items()})
    official_zip(tmp_path, other)
    attributes, _ = source.labels()
    np.testing.assert_array_equal(attributes, other.attributes)
    assert source.images(0, 3).shape == (3, 16, 16, 3)


# --- Bad input


@pytest.mark.parametrize(
    ("size", "nearest"), [(100, "96 or 112"), (15, "16"), (0, "16"), (-16, "16"), (65, "64 or 80")]
)
def test_sizes_that_16_does_not_divide(size: int, nearest: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"image_size={size} .*16: use {nearest}$"):
        CelebASource(tmp_path, size)


def test_crops_that_cannot_be(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    read_everything(CelebASource(tmp_path, 16, crop=178))
    message = error_of(CelebASource(tmp_path, 16, crop=179))
    assert "data.crop=179 is larger than 000001.jpg" in message
    assert "178x218 pixels: use at most 178" in message
    with pytest.raises(UserError, match=r"data\.crop=0"):
        CelebASource(tmp_path, 16, crop=0)


def test_root_that_is_not_there(tmp_path: Path) -> None:
    message = error_of(CelebASource(tmp_path / "nowhere", 16))
    assert f"{tmp_path / 'nowhere'} is not a folder" in message
    assert RELEASE in message


@pytest.mark.parametrize(
    "missing", ["img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"]
)
def test_missing_files(missing: str, fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    (tmp_path / missing).unlink()
    message = error_of(CelebASource(tmp_path, 16))
    problem = message[: message.index(RELEASE)]
    assert missing.removesuffix(".txt") in problem
    assert str(tmp_path) in problem


@pytest.mark.parametrize(
    "name", ["img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"]
)
def test_web_pages_instead_of_files(name: str, fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    (tmp_path / name).write_text(HTML)
    message = error_of(CelebASource(tmp_path, 16))
    assert f"{tmp_path / name} is a web page" in message
    assert "quota" in message
    assert RELEASE in message


def test_a_truncated_zip(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    archive = tmp_path / "img_align_celeba.zip"
    archive.write_bytes(archive.read_bytes()[:-1000])
    message = error_of(CelebASource(tmp_path, 16))
    assert f"{archive} is truncated or damaged" in message


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "edit", "expected"),
    [
        (
            "list_attr_celeba.txt",
            lambda text: "\n".join(text.split("\n")[:5]),
            "3 of 6 images in",
        ),
        ("list_attr_celeba.txt", lambda text: text[: len(text) // 2], "fields, not 41"),
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
            "000001.jpg occurs in it more than once",
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
            "has 1 fields, not 2",
        ),
        ("list_eval_partition.txt", lambda text: "", "lists no images"),
        (
            "list_eval_partition.txt",
            lambda text: text.replace("000004", "000001"),
            "000001.jpg occurs in it more than once",
        ),
    ],
)
def test_damaged_lists(
    name: str, edit: Edit, expected: str, fake: FakeCelebA, tmp_path: Path
) -> None:
    official_zip(tmp_path, fake)
    path = tmp_path / name
    path.write_text(edit(path.read_text()))
    message = error_of(CelebASource(tmp_path, 16))
    assert str(path) in message
    assert expected in message


def test_damaged_csv_and_binary_lists(fake: FakeCelebA, tmp_path: Path) -> None:
    LAYOUTS["csv_mirror"](tmp_path, fake)
    path = tmp_path / "list_attr_celeba.csv"
    path.write_text("\n".join(path.read_text().split("\n")[1:]))
    assert "does not name the attributes: its line 1 begins with 000001.jpg" in error_of(
        CelebASource(tmp_path, 16)
    )
    path.write_bytes(b"\xff\x01\x00\x80")
    assert "is not a text file" in error_of(CelebASource(tmp_path, 16))


def without(fake: FakeCelebA, index: int) -> FakeCelebA:
    name = list(fake.files)[index]
    return FakeCelebA(
        {key: value for key, value in fake.files.items() if key != name},
        np.delete(fake.attributes, index, axis=0),
        np.delete(fake.splits, index),
    )


@pytest.mark.parametrize(
    ("short", "here", "there"),
    [
        ("images", "list_attr_celeba.txt", "img_align_celeba"),
        ("attributes", "list_eval_partition.txt", "list_attr_celeba.txt"),
        ("partition", "list_attr_celeba.txt", "list_eval_partition.txt"),
        ("both lists", "img_align_celeba", "list_attr_celeba.txt"),
    ],
)
def test_parts_that_disagree(
    short: str, here: str, there: str, fake: FakeCelebA, tmp_path: Path
) -> None:
    official_folder(tmp_path, fake)
    less = without(fake, 2)
    if short == "images":
        (tmp_path / "img_align_celeba" / "000007.jpg").unlink()
    if short in ("attributes", "both lists"):
        (tmp_path / "list_attr_celeba.txt").write_text(less.txt_attributes())
    if short in ("partition", "both lists"):
        (tmp_path / "list_eval_partition.txt").write_text(less.txt_partition())
    message = error_of(CelebASource(tmp_path, 16))
    more = f"1 of 6 images in {tmp_path / here} are not in {tmp_path / there}, such as 000007.jpg"
    assert more in message


def test_disagreement_in_both_directions_names_both(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    files = dict(fake.files)
    files["123456.jpg"] = files.pop("000004.jpg")
    write_zip(tmp_path / "img_align_celeba.zip", files)
    message = error_of(CelebASource(tmp_path, 16))
    assert "such as 000004.jpg" in message
    assert "such as 123456.jpg" in message


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "html"])
@pytest.mark.parametrize("layout", ["official_zip", "official_folder"])
def test_an_undecodable_image_is_named(
    layout: str, damage: str, fake: FakeCelebA, tmp_path: Path
) -> None:
    content = fake.files["000010.jpg"]
    bad = {"truncated": content[:-200], "text": b"no image", "empty": b"", "html": HTML.encode()}
    damaged = replace(fake, files={**fake.files, "000010.jpg": bad[damage]})
    LAYOUTS[layout](tmp_path, damaged)
    message = error_of(CelebASource(tmp_path, 16))
    container = "img_align_celeba.zip" if "zip" in layout else "img_align_celeba"
    reason = "image file is truncated" if damage == "truncated" else "not an image): replace it"
    assert f"000010.jpg in {tmp_path / container} cannot be decoded ({reason}" in message


def test_a_flipped_bit_inside_the_zip_is_found(fake: FakeCelebA, tmp_path: Path) -> None:
    official_zip(tmp_path, fake)
    archive = tmp_path / "img_align_celeba.zip"
    content = bytearray(archive.read_bytes())
    position = content.index(fake.files["000010.jpg"]) + len(fake.files["000010.jpg"]) // 2
    content[position] ^= 4
    archive.write_bytes(content)
    assert "000010.jpg" in error_of(CelebASource(tmp_path, 16))


# --- Speed and the real thing


def test_torch_is_not_imported() -> None:
    code = (
        "import sys, privacy_gan.data.celeba_source, privacy_gan.data.image_cache;"
        "sys.exit('torch' in sys.modules)"
    )
    assert run([sys.executable, "-c", code], real=True).returncode == 0


def real_root() -> Path:
    given = os.environ.get("PRIVACY_GAN_CELEBA")
    return Path(given) if given else Path(__file__).parents[2].parent / "shared" / "celeba64"


@pytest.mark.skipif(
    not (real_root() / "img_align_celeba.zip").is_file(),
    reason="celeba64 is not beside the project: set PRIVACY_GAN_CELEBA to its folder",
)
def test_the_real_faces() -> None:
    root = real_root()
    source = CelebASource(root, 64)
    attributes, splits = source.labels()
    assert np.bincount(splits).tolist() == [16_000, 2_000, 2_000]
    assert attributes.shape == (20_000, 40)
    assert (source.attribute_names[0], source.attribute_names[-1]) == ("5_o_Clock_Shadow", "Young")
    smiling = attributes[:, source.attribute_names.index("Smiling")]
    assert 0.45 < smiling.mean() < 0.52  # 48 % in the whole of CelebA

    lines = (root / "list_attr_celeba.txt").read_text().split("\n")
    with zipfile.ZipFile(root / "img_align_celeba.zip") as archive:
        for index in (0, 12_345, 19_999):
            name, *values = lines[2 + index].split()
            assert [int(value == "1") for value in values] == attributes[index].tolist()
            with Image.open(archive.open(f"img_align_celeba/{name}")) as image:
                expected = np.asarray(image.convert("RGB"))
            np.testing.assert_array_equal(source.images(index, index + 1)[0], expected)
