"""The image cache is built once, reopened, rebuilt when damaged, and never incomplete."""

import json
import logging
import os
import resource
from dataclasses import replace

import numpy as np
import pytest
from disks import mount_tmpfs
from stub_source import COUNT, cache_folders, check_table, count_started_chunks

from privacy_gan.data.image_cache import load_or_build
from privacy_gan.data.image_writer import CHUNK
from privacy_gan.errors import UserError

# --- Building and opening


@pytest.mark.parametrize("num_workers", [0, 1, 2, None])
def test_the_cache_is_built_once_and_then_opened(num_workers, source, cache_dir):
    check_table(load_or_build(source, cache_dir, num_workers), source)
    assert count_started_chunks(source) == 5
    table = load_or_build(source, cache_dir, num_workers)
    check_table(table, source)
    assert count_started_chunks(source) == 5
    assert cache_folders(cache_dir) == [f"stub-16-{source.cache_key()[:12]}"]
    assert isinstance(table.images, np.memmap)
    assert not table.images.flags.writeable


def test_worker_processes_are_used_only_for_many_images(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=2)
    assert str(os.getpid()) not in source.log.read_text().split()
    few = replace(source, log=source.log.with_name("few"), count=3, version="few")
    check_table(load_or_build(few, cache_dir, num_workers=2), few)
    assert few.log.read_text().split() == [str(os.getpid())]


def test_a_changed_source_gets_a_new_cache(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    changed = replace(source, version="b", count=40)
    check_table(load_or_build(changed, cache_dir, num_workers=1), changed)
    check_table(load_or_build(source, cache_dir, num_workers=1), source)
    assert count_started_chunks(source) == 5 + 1


def test_a_chunk_of_the_wrong_shape_raises_a_value_error(source, cache_dir):
    with pytest.raises(ValueError, match=r"stub-16 returned uint8 \(256, 16, 16, 3\) for 0:256"):
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


def forge_cache_key(folder):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "fingerprint": "61" * 6 + "00"}))


def delete(name):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_a_byte,
        forge_cache_key,
        write_meta("garbage"),
        write_meta("[]"),
        write_meta("{}"),
        write_meta(""),
        delete("images.npy"),
        delete("labels.npz"),
        delete("meta.json"),
    ],
)
def test_a_damaged_cache_is_rebuilt(damage, source, cache_dir, caplog):
    load_or_build(source, cache_dir, num_workers=1)
    (folder,) = (cache_dir / name for name in cache_folders(cache_dir))
    damage(folder)
    with caplog.at_level(logging.WARNING):
        check_table(load_or_build(source, cache_dir, num_workers=1), source)
    assert count_started_chunks(source) == 10
    (message,) = caplog.messages
    assert message == f"The image cache {folder} is damaged: rebuilding it"
    check_table(load_or_build(source, cache_dir, num_workers=1), source)
    assert count_started_chunks(source) == 10


def test_a_copied_cache_is_verified_and_reused(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    (folder,) = (cache_dir / name for name in cache_folders(cache_dir))
    for path in folder.iterdir():
        os.utime(path, ns=(1, 1))
    check_table(load_or_build(source, cache_dir, num_workers=1), source)
    assert count_started_chunks(source) == 5


def test_a_temporary_error_does_not_delete_the_cache(source, cache_dir):
    load_or_build(source, cache_dir, num_workers=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # no more files can be opened
    try:
        with pytest.raises(UserError, match="Too many open files"):
            load_or_build(source, cache_dir, num_workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check_table(load_or_build(source, cache_dir, num_workers=1), source)
    assert count_started_chunks(source) == 5


# --- Failures while building


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_source_that_fails_leaves_no_cache(num_workers, source, cache_dir):
    bad = replace(source, fail_from=CHUNK, count=40 * CHUNK)
    with pytest.raises(UserError, match=r"^image \d+ of stub-16 is bad: replace it$"):
        load_or_build(bad, cache_dir, num_workers)
    assert cache_folders(cache_dir) == []
    assert count_started_chunks(source) < 20  # of 40: the rest did not start
    check_table(load_or_build(source, cache_dir, num_workers), source)


def test_a_killed_worker_raises_a_user_error(source, cache_dir):
    with pytest.raises(
        UserError, match=r"died, most often because memory ran out.*data\.num_workers"
    ):
        load_or_build(replace(source, die_from=CHUNK), cache_dir, num_workers=2)
    assert cache_folders(cache_dir) == []


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
def test_a_full_disk_raises_a_user_error(num_workers, reserve, source, tiny_disk, monkeypatch):
    if not reserve:  # as on macOS, where a write must fail instead
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with pytest.raises(UserError) as caught:
        load_or_build(source, tiny_disk, num_workers)
    message = str(caught.value)
    needed = COUNT * (16 * 16 * 3 + 2) / 1e9
    assert f"needs {needed:.3g} GB in {tiny_disk}, where 0.000262 GB are free" in message
    assert "set data.cache_dir" in message
    assert cache_folders(tiny_disk) == []
    assert (count_started_chunks(source) == 0) == reserve


def test_a_read_only_cache_folder_raises_a_user_error(source, read_only_disk):
    with pytest.raises(
        UserError, match=r"in .*fixed cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, read_only_disk)


@pytest.mark.parametrize("below", [".", "cache"])
def test_a_file_in_place_of_the_cache_folder_raises_a_user_error(below, source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"in .*file.* cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, tmp_path / "file" / below)
