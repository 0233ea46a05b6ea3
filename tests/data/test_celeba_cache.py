"""The cache above CelebA's files: an image that cannot be read, a release that was moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from celeba_layouts import (
    ATTRIBUTE_NAMES,
    FakeCelebA,
    encode,
    make_fake,
    official_folder,
    official_zip,
    write_folder,
)
from PIL import Image

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.image_cache import load_or_build
from privacy_gan.errors import UserError


def test_an_undecodable_image_in_a_worker_process_leaves_no_cache(tmp_path: Path) -> None:
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


def test_a_cache_follows_a_moved_release(tmp_path: Path) -> None:
    fake = make_fake()
    official_folder(tmp_path / "here", fake)
    load_or_build(CelebASource(tmp_path / "here", 16), tmp_path / "cache")
    shutil.move(tmp_path / "here", tmp_path / "there")
    table = load_or_build(CelebASource(tmp_path / "there", 16), tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*/meta.json"))) == 1
    np.testing.assert_array_equal(table.splits, fake.splits)
