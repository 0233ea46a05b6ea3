"""The image cache with concurrent or interrupted processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import start
from stub_source import cache_folders, check_table, count_started_chunks

from privacy_gan.data.image_cache import load_or_build

TIMEOUT = 30.0  # seconds to wait for another process


def start_builder(source, cache_dir):
    code = (
        "from pathlib import Path, PosixPath\n"
        "from privacy_gan.data.image_cache import load_or_build\n"
        "from stub_source import StubSource, check_table\n"
        f"source = {source!r}\n"
        f"check_table(load_or_build(source, {cache_dir!r}, 2), source)\n"
    )
    return start(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_until(condition):
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


def read_until(stream, text):
    assert stream is not None
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"never printed: {text}")


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a zombie, which its parent has not waited for, is not running
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.fixture
def gated(source, tmp_path):
    return replace(source, gate=tmp_path / "gate")


def open_gate(source):
    assert source.gate is not None
    source.gate.touch()


def test_two_processes_build_the_cache_once(gated, cache_dir):
    first = start_builder(gated, cache_dir)
    wait_until(lambda: count_started_chunks(gated) > 0)
    second = start_builder(gated, cache_dir)
    assert "image cache" in read_until(second.stderr, "Waiting for another process")
    open_gate(gated)
    for process in (first, second):
        _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
    assert count_started_chunks(gated) == 5


def test_a_killed_builder_leaves_no_cache_and_no_processes(gated, cache_dir):
    builder = start_builder(gated, cache_dir)
    wait_until(lambda: count_started_chunks(gated) == 3)  # one finished, two waiting at the gate
    workers = [int(pid) for pid in gated.log.read_text().split()]
    assert builder.pid not in workers
    builder.kill()
    builder.wait(TIMEOUT)
    wait_until(lambda: not any(is_running(pid) for pid in workers))
    (partial,) = cache_folders(cache_dir)
    assert partial.endswith(".partial")

    before = count_started_chunks(gated)
    open_gate(gated)
    check_table(load_or_build(gated, cache_dir, num_workers=1), gated)
    assert count_started_chunks(gated) == before + 5
    assert cache_folders(cache_dir) == [partial.removesuffix(".partial")]


def test_ctrl_c_removes_the_partial_cache(gated, cache_dir):
    builder = start_builder(gated, cache_dir)
    wait_until(lambda: count_started_chunks(gated) == 3)  # one finished, two waiting at the gate
    os.killpg(builder.pid, signal.SIGINT)  # a terminal interrupts the workers, too
    open_gate(gated)
    _, errors = builder.communicate(timeout=TIMEOUT)
    assert builder.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert cache_folders(cache_dir) == []
