"""The cache's life: built once, opened ever after, rebuilt when damaged, whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pytest
from commands import start
from disks import mounted

from privacy_gan.data.image_cache import ImageTable, load_or_build
from privacy_gan.data.image_writer import CHUNK
from privacy_gan.errors import UserError

COUNT = 5 * CHUNK - 100
PATIENCE = 30.0  # seconds until a test gives up on another process


@dataclass(frozen=True)
class StubSource:
    """Plain images whose colour tells their index; every chunk begun adds a line to `log`."""

    log: Path
    version: str = "a"
    count: int = COUNT
    fail_from: int | None = None  # raise a UserError from this image on
    die_from: int | None = None  # be killed from this image on, as for memory
    gate: Path | None = None  # finish only the first chunk before this file exists
    image_size: int = 16
    name: str = "stub-16"
    attribute_names: tuple[str, ...] = ("Odd", "Late")

    def fingerprint(self) -> str:
        return self.version.encode().hex() * 32

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        index = np.arange(self.count)
        attributes = np.stack([index % 2, index >= self.count // 2], axis=1).astype(np.uint8)
        return attributes, (index % 3).astype(np.uint8)

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        with self.log.open("a") as log:
            log.write(f"{os.getpid()}\n")
        while start and self.gate is not None and not self.gate.exists():
            time.sleep(0.01)
        if self.fail_from is not None and start >= self.fail_from:
            raise UserError(f"image {start} of {self.name} is bad: replace it")
        if self.die_from is not None and start >= self.die_from:
            os.kill(os.getpid(), signal.SIGKILL)
        return colours(start, stop)


def colours(start: int, stop: int) -> npt.NDArray[np.uint8]:
    index = np.arange(start, stop)
    pixels = np.stack([index % 256, index // 256, np.full_like(index, 7)], axis=-1)
    return np.tile(pixels[:, None, None], (1, 16, 16, 1)).astype(np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> StubSource:
    return StubSource(tmp_path / "log")


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def begun(source: StubSource) -> int:
    return len(source.log.read_text().split()) if source.log.exists() else 0


def check(table: ImageTable, source: StubSource) -> None:
    attributes, splits = source.labels()
    np.testing.assert_array_equal(table.images, colours(0, source.count))
    np.testing.assert_array_equal(table.attributes, attributes)
    np.testing.assert_array_equal(table.splits, splits)
    assert table.attribute_names == source.attribute_names
    assert table.fingerprint == source.fingerprint()


def entries(cache_dir: Path) -> list[str]:
    """Names in the cache's folder, the lock files aside."""
    return [path.name for path in cache_dir.iterdir() if path.suffix != ".lock"]


# --- Building and opening


@pytest.mark.parametrize("num_workers", [0, 1, 2, None])
def test_built_once_and_then_opened(
    num_workers: int | None, source: StubSource, cache_dir: Path
) -> None:
    check(load_or_build(source, cache_dir, num_workers), source)
    assert begun(source) == 5
    table = load_or_build(source, cache_dir, num_workers)
    check(table, source)
    assert begun(source) == 5
    assert entries(cache_dir) == [f"stub-16-{source.fingerprint()[:12]}"]
    assert isinstance(table.images, np.memmap)
    assert not table.images.flags.writeable


def test_processes_share_the_work_and_few_images_need_none(
    source: StubSource, cache_dir: Path
) -> None:
    load_or_build(source, cache_dir, num_workers=2)
    assert str(os.getpid()) not in source.log.read_text().split()
    few = replace(source, log=source.log.with_name("few"), count=3, version="few")
    check(load_or_build(few, cache_dir, num_workers=2), few)
    assert few.log.read_text().split() == [str(os.getpid())]


def test_a_changed_source_gets_its_own_cache(source: StubSource, cache_dir: Path) -> None:
    load_or_build(source, cache_dir, num_workers=1)
    changed = replace(source, version="b", count=40)
    check(load_or_build(changed, cache_dir, num_workers=1), changed)
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 5 + 1


def test_a_chunk_of_another_shape_is_a_mistake_of_the_source(
    source: StubSource, cache_dir: Path
) -> None:
    with pytest.raises(ValueError, match=r"stub-16 gave uint8 \(256, 16, 16, 3\) for 0:256"):
        load_or_build(replace(source, image_size=32), cache_dir, num_workers=1)


# --- Damage


def truncate(folder: Path) -> None:
    os.truncate(folder / "images.npy", 5_000)


def flip_a_byte(folder: Path) -> None:
    with (folder / "images.npy").open("r+b") as file:
        file.seek(100_000)
        byte = file.read(1)[0]
        file.seek(100_000)
        file.write(bytes([byte ^ 1]))


def write_meta(text: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "meta.json").write_text(text)

    return damage


def forge_fingerprint(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "fingerprint": "61" * 6 + "00"}))


def lose(name: str) -> Callable[[Path], None]:
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
def test_a_damaged_cache_is_built_again(
    damage: Callable[[Path], None],
    source: StubSource,
    cache_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
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


def test_a_copied_cache_is_checked_and_kept(source: StubSource, cache_dir: Path) -> None:
    load_or_build(source, cache_dir, num_workers=1)
    (folder,) = (cache_dir / name for name in entries(cache_dir))
    for path in folder.iterdir():
        os.utime(path, ns=(1, 1))
    check(load_or_build(source, cache_dir, num_workers=1), source)
    assert begun(source) == 5


def test_a_passing_failure_does_not_cost_the_cache(source: StubSource, cache_dir: Path) -> None:
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
def test_a_source_that_fails_leaves_nothing(
    num_workers: int, source: StubSource, cache_dir: Path
) -> None:
    bad = replace(source, fail_from=CHUNK, count=40 * CHUNK)
    with pytest.raises(UserError, match=r"^image \d+ of stub-16 is bad: replace it$"):
        load_or_build(bad, cache_dir, num_workers)
    assert entries(cache_dir) == []
    assert begun(source) < 20  # of 40: the rest was not begun
    check(load_or_build(source, cache_dir, num_workers), source)


def test_a_worker_that_is_killed(source: StubSource, cache_dir: Path) -> None:
    with pytest.raises(
        UserError, match=r"died, most often because memory ran out.*data\.num_workers"
    ):
        load_or_build(replace(source, die_from=CHUNK), cache_dir, num_workers=2)
    assert entries(cache_dir) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "tiny", "size=256k") as disk:
        yield disk


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "fixed", "ro") as disk:
        yield disk


@pytest.mark.parametrize("reserve", [True, False])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_full_disk_is_one_clear_error(
    num_workers: int,
    reserve: bool,
    source: StubSource,
    tiny_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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


def test_a_folder_that_cannot_be_written(source: StubSource, read_only_disk: Path) -> None:
    with pytest.raises(
        UserError, match=r"in .*fixed cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, read_only_disk)


@pytest.mark.parametrize("below", [".", "cache"])
def test_a_file_in_the_cache_folders_place(below: str, source: StubSource, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"in .*file.* cannot be read or written .*set data\.cache_dir"
    ):
        load_or_build(source, tmp_path / "file" / below)


# --- Several processes


def start_builder(source: StubSource, cache_dir: Path) -> subprocess.Popen[str]:
    code = (
        "from pathlib import Path, PosixPath\n"
        f"from {__name__} import StubSource, check, load_or_build\n"
        f"source = {source!r}\n"
        f"check(load_or_build(source, {cache_dir!r}, 2), source)\n"
    )
    return start(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def read_until(stream: IO[str] | None, words: str) -> str:
    assert stream is not None
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that ended may wait as a zombie for a parent that never asks.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.fixture
def gated(source: StubSource, tmp_path: Path) -> StubSource:
    return replace(source, gate=tmp_path / "gate")


def open_gate(source: StubSource) -> None:
    assert source.gate is not None
    source.gate.touch()


def test_two_processes_build_it_once(gated: StubSource, cache_dir: Path) -> None:
    first = start_builder(gated, cache_dir)
    wait_until(lambda: begun(gated) > 0)
    second = start_builder(gated, cache_dir)
    assert "image cache" in read_until(second.stderr, "Waiting for another process")
    open_gate(gated)
    for process in (first, second):
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    assert begun(gated) == 5


def test_a_killed_builder_leaves_no_cache_and_no_processes(
    gated: StubSource, cache_dir: Path
) -> None:
    builder = start_builder(gated, cache_dir)
    wait_until(lambda: begun(gated) == 3)  # one finished, both workers at the gate
    workers = [int(pid) for pid in gated.log.read_text().split()]
    assert builder.pid not in workers
    builder.kill()
    builder.wait(PATIENCE)
    wait_until(lambda: not any(is_running(pid) for pid in workers))
    (partial,) = entries(cache_dir)
    assert partial.endswith(".partial")

    before = begun(gated)
    open_gate(gated)
    check(load_or_build(gated, cache_dir, num_workers=1), gated)
    assert begun(gated) == before + 5
    assert entries(cache_dir) == [partial.removesuffix(".partial")]


def test_ctrl_c_removes_what_was_begun(gated: StubSource, cache_dir: Path) -> None:
    builder = start_builder(gated, cache_dir)
    wait_until(lambda: begun(gated) == 3)  # one finished, both workers at the gate
    os.killpg(builder.pid, signal.SIGINT)  # a terminal interrupts the workers too
    open_gate(gated)
    _, errors = builder.communicate(timeout=PATIENCE)
    assert builder.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert entries(cache_dir) == []
