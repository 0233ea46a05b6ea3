"""CelebA is read in every layout, with correct cache keys, and cached."""

import os
import pickle
import shutil
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from celeba_layouts import (
    ATTRIBUTE_NAMES,
    HTML,
    LAYOUTS,
    FakeCelebA,
    encode,
    make_fake,
    official_folder,
    official_zip,
    read_everything,
    renumber,
    write_folder,
)
from commands import run
from PIL import Image

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.image_cache import load_or_build
from privacy_gan.errors import UserError

# --- Reading


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_data(layout, fake, tmp_path):
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


def test_a_folder_of_images_has_precedence_over_a_zip(fake, tmp_path):
    official_folder(tmp_path, fake)
    (tmp_path / "img_align_celeba.zip").write_text(HTML)
    read_everything(CelebASource(tmp_path, 16))


def test_an_empty_folder_is_ignored_if_there_is_a_zip(fake, tmp_path):
    official_zip(tmp_path, fake)
    (tmp_path / "img_align_celeba").mkdir()
    read_everything(CelebASource(tmp_path, 16))


def test_splits_are_matched_by_name_not_by_line(fake, tmp_path):
    official_zip(tmp_path, fake)
    partition = tmp_path / "list_eval_partition.txt"
    partition.write_text("\n".join(reversed(partition.read_text().split("\n"))).strip())
    _, splits = CelebASource(tmp_path, 16).labels()
    np.testing.assert_array_equal(splits, fake.splits)


def test_images_are_the_same_before_labels_are_read_and_after_pickling(fake, tmp_path):
    official_zip(tmp_path, fake)
    source = CelebASource(tmp_path, 16)
    first = source.images(0, 6)
    source.labels()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).images(0, 6), first)


OFFICIAL = {1: 0, 162_770: 0, 162_771: 1, 182_637: 1, 182_638: 2, 202_599: 2}


def test_without_a_list_of_splits_the_official_splits_are_used(fake, tmp_path, caplog):
    official_zip(tmp_path, renumber(fake, list(OFFICIAL)))
    source = CelebASource(tmp_path, 16)
    with_list = source.content_key()
    (tmp_path / "list_eval_partition.txt").unlink()
    _, splits = source.labels()
    assert splits.tolist() == list(OFFICIAL.values())
    assert source.content_key() != with_list
    assert "has no list_eval_partition: using the official split" in caplog.text


@pytest.mark.parametrize(
    ("layout", "warning"),
    [
        ("pngs_listed_as_jpg", "matched 6 of 6 names to files in"),
        ("wrong_count", "declares 202,599 images, but the list has 6"),
        ("official_zip", ""),
    ],
)
def test_differences_from_the_release_log_a_warning(layout, warning, fake, tmp_path, caplog):
    LAYOUTS[layout](tmp_path, fake)
    CelebASource(tmp_path, 16).labels()
    assert warning in caplog.text
    assert bool(warning) == bool(caplog.text)


# --- Names and cache keys


def test_the_name_includes_size_and_crop(tmp_path):
    assert CelebASource(tmp_path, 64).name == "celeba-64"
    assert CelebASource(tmp_path, 128, 178).name == "celeba-128-crop178"


@pytest.mark.parametrize("layout", ["official_zip", "official_folder"])
def test_the_cache_key_changes_with_every_file_and_setting(layout, fake, tmp_path):
    LAYOUTS[layout](tmp_path, fake)
    source = CelebASource(tmp_path, 16)
    hashes = [source.cache_key()]
    assert CelebASource(tmp_path, 16).cache_key() == hashes[0]

    def is_new(source):
        hashes.append(source.cache_key())
        return len(set(hashes)) == len(hashes)

    assert is_new(replace(source, image_size=32))
    assert is_new(replace(source, crop=100))
    images = tmp_path / "img_align_celeba.zip"
    image = images if images.exists() else tmp_path / "img_align_celeba" / next(iter(fake.files))
    os.utime(image, ns=(0, 0))
    assert is_new(source)
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        path = tmp_path / name
        before = path.stat()
        lines = path.read_text().split("\n")
        lines[-2], lines[-3] = lines[-3], lines[-2]
        path.write_text("\n".join(lines))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert is_new(source)


def test_replaced_files_are_read_again(fake, tmp_path):
    source = CelebASource(tmp_path, 16)
    official_zip(tmp_path, fake)
    read_everything(source)
    other = make_fake(count=3, size=(64, 64))
    other = replace(other, files={f"9{name}": content for name, content in other.files.items()})
    official_zip(tmp_path, other)
    attributes, _ = source.labels()
    np.testing.assert_array_equal(attributes, other.attributes)
    assert source.images(0, 3).shape == (3, 16, 16, 3)


# --- Caching


def test_an_undecodable_image_in_a_worker_process_leaves_no_cache(tmp_path):
    content = encode(Image.new("RGB", (16, 16), "gray"), "JPEG")
    files = {f"{index:06d}.jpg": content for index in range(1, 1201)}
    files["000700.jpg"] = content[:-20]
    fake = FakeCelebA(
        files, np.ones((1200, len(ATTRIBUTE_NAMES)), np.uint8), np.zeros(1200, np.uint8)
    )
    official_zip(tmp_path / "root", fake)
    source = CelebASource(tmp_path / "root", 16)
    with pytest.raises(UserError, match=r"000700\.jpg in .*img_align_celeba\.zip cannot"):
        load_or_build(source, tmp_path / "cache", num_workers=2)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]

    write_folder(tmp_path / "root" / "img_align_celeba", {**files, "000700.jpg": content})
    table = load_or_build(source, tmp_path / "cache", num_workers=2)
    assert table.images.shape == (1200, 16, 16, 3)
    assert np.unique(table.images).tolist() == [128]


def test_a_moved_copy_uses_the_same_cache(tmp_path):
    fake = make_fake()
    official_folder(tmp_path / "here", fake)
    load_or_build(CelebASource(tmp_path / "here", 16), tmp_path / "cache")
    shutil.move(tmp_path / "here", tmp_path / "there")
    table = load_or_build(CelebASource(tmp_path / "there", 16), tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*/meta.json"))) == 1
    np.testing.assert_array_equal(table.splits, fake.splits)


# --- Imports and real images


def test_torch_is_not_imported():
    code = (
        "import sys, privacy_gan.data.celeba_source, privacy_gan.data.image_cache;"
        "sys.exit('torch' in sys.modules)"
    )
    assert run([sys.executable, "-c", code], real=True).returncode == 0


def real_root():
    path = os.environ.get("PRIVACY_GAN_CELEBA")
    return Path(path) if path else Path(__file__).parents[2].parent / "shared" / "celeba64"


@pytest.mark.skipif(
    not (real_root() / "img_align_celeba.zip").is_file(),
    reason="celeba64 is not next to the project: set PRIVACY_GAN_CELEBA to its folder",
)
def test_real_images():
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
