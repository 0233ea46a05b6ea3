"""The cache's life: built once, opened ever after, rebuilt when damaged, whole or not at all."""

import json
import logging
import os
import resource
from dataclasses import replace

import numpy as np
import pytest
from disks import mount_tmpfs
from stub_source import COUNT, begun, check, entries

from privacy_gan.data.image_cache import load_or_build
from privacy_gan.data.image_writer import CHUNK
from privacy_gan.errors import UserError

# --- Building and opening


@pytest.mark.parametrize("num_workers", [0, 1, 2, None])
def test_built_once_and_then_opened(num_workers, source, cache_dir):
    check(load_or_build(source, cache_dir, num_workers), source)
    assert begun(source) == 5
    table = load_or_build(source, cache_dir, num_workers)
    check(table, source)
    assert begun(source) == 5
    assert entries(cache_dir) == [f"stub-16-{source.fingerprint()[:12]}"]
    assert isinstance(table.images, np.memmap)
    assert not table.images.flags.writeable


def test_processes_share_the_work_and_few_images_need_none(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=2)
    assert str(os.getpid()) not in source.log.read_text().split()
    few = replace(source, log=source.log.with_name("few"), count=3, version="few")
    check(load_or_build(few, cache_dir, num_workers=2), few)
    assert few.log.read_text().split() == [str(os.getpid())]


def test_a_changed_source_gets_its_own_cache(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    changed = replace(source, version="b", count=40)
    check(load_or_build(changed, cache_dir, num_workers=1), changed)
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 5 + 1


def test_a_chunk_of_another_shape_is_a_mistake_of_the_source(source, cache_dir):
    with pytest.raises(ValueError, match=r"stub-16 gave uint8 \(256, 16, 16, 3\) for 0:256"):
        load_or_build(replace(source, image_size=32), cache_dir, num_workers=1)


# --- Damage


def truncate(folder):
    os.truncate(folder / "images.npy", 5_000)


def flip_a_byte(folder):
    with (folder / "images.npy").open("r+b") as file:
        file.seek(100_000)
        byte = file.read(1)[0]
        file.seek(100_000)
        file.write(bytes([byte ^ 1]))


def write_meta(text):
    def damage(folder):
        (folder / "meta.json").write_text(text)

    return damage


def forge_fingerprint(folder):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "fingerprint": "61" * 6 + "00"}))


def lose(name):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_a_byte,
        forge_fingerprint,
        write_meta("garbage"),
        write_meta("[]"),
        write_meta("{}"),
        write_meta(""),
        lose("images.npy"),
        lose("labels.npz"),
        lose("meta.json"),
    ],
)
def test_a_damaged_cache_is_built_again(damage, source, cache_dir, caplog):
    load_or_build(source, cache_dir, num_workers=1)
    (folder,) = (cache_dir / name for name in entries(cache_dir))
    damage(folder)
    with caplog.at_level(logging.WARNING):
        check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 10
    (notice,) = caplog.messages
    assert notice == f"The image cache {folder} is damaged: building it again"
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 10


def test_a_copied_cache_is_checked_and_kept(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    (folder,) = (cache_dir / name for name in entries(cache_dir))
    for path in folder.iterdir():
        os.utime(path, ns=(1, 1))
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 5


def test_a_passing_failure_does_not_cost_the_cache(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # no file can be opened any more
    try:
        with pytest.raises(UserError, match="Too many open files"):
            load_or_build(source, cache_dir, num_workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 5


# --- Failures while building


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_source_that_fails_leaves_nothing(num_workers, source, cache_dir):
    bad = replace(source, fail_from=CHUNK, count=40 * CHUNK)
    with pytest.raises(UserError, match=r"^image \d+ of stub-16 is bad: replace it$"):
        load_or_build(bad, cache_dir, num_workers)
    assert entries(cache_dir) == []
    assert begun(source) < 20  # of 40: the rest was not begun
    check(load_or_build(source, cache_dir, num_workers), source)


def test_a_worker_that_is_killed(source, cache_dir):
    with pytest.raises(
        UserError, match=r"died, most often because memory ran out.*data\.num_workers"
    ):
        load_or_build(replace(source, die_from=CHUNK), cache_dir, num_workers=2)
    assert entries(cache_dir) == []


@pytest.fixture
def tiny_disk(tmp_path):
    with mount_tmpfs(tmp_path / "tiny", "size=256k") as disk:
        yield disk


@pytest.fixture
def read_only_disk(tmp_path):
    with mount_tmpfs(tmp_path / "fixed", "ro") as disk:
        yield disk


@pytest.mark.parametrize("reserve", [True, False])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_full_disk_is_one_clear_error(num_workers, reserve, source, tiny_disk, monkeypatch):
    if not reserve:  # as on macOS: the writes themselves must find out
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with pytest.raises(UserError) as caught:
        load_or_build(source, tiny_disk, num_workers)
    message = str(caught.value)
    needed = COUNT * (16 * 16 * 3 + 2) / 1e9
    assert f"needs {needed:.3g} GB in {tiny_disk}, where 0.000262 GB are free" in message
    assert "set data.cache_dir" in message
    assert entries(tiny_disk) == []
    assert (begun(source) == 0) == reserve


def test_a_folder_that_cannot_be_written(source, read_only_disk):
    with pytest.raises(
        UserError, match=r"in .*fixed cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, read_only_disk)


@pytest.mark.parametrize("below", [".", "cache"])
def test_a_file_in_the_cache_folders_place(below, source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"in .*file.* cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, tmp_path / "file" / below)
