"""The cache where several processes want it, or who builds it is stopped."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import start
from stub_source import begun, check, entries

from privacy_gan.data.image_cache import load_or_build

PATIENCE = 30.0  # seconds until a test gives up on another process


def start_builder(source, cache_dir):
    code = (
        "from pathlib import Path, PosixPath\n"
        "from privacy_gan.data.image_cache import load_or_build\n"
        "from stub_source import StubSource, check\n"
        f"source = {source!r}\n"
        f"check(load_or_build(source, {cache_dir!r}, 2), source)\n"
    )
    return start(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def read_until(stream, words):
    assert stream is not None
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that ended may wait as a zombie for a parent that never asks.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.fixture
def gated(source, tmp_path):
    return replace(source, gate=tmp_path / "gate")


def open_gate(source):
    assert source.gate is not None
    source.gate.touch()


def test_two_processes_build_it_once(gated, cache_dir):
    first = start_builder(gated, cache_dir)
    wait_until(lambda: begun(gated) > 0)
    second = start_builder(gated, cache_dir)
    assert "image cache" in read_until(second.stderr, "Waiting for another process")
    open_gate(gated)
    for process in (first, second):
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
    assert begun(gated) == 5


def test_a_killed_builder_leaves_no_cache_and_no_processes(gated, cache_dir):
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


def test_ctrl_c_removes_what_was_begun(gated, cache_dir):
    builder = start_builder(gated, cache_dir)
    wait_until(lambda: begun(gated) == 3)  # one finished, both workers at the gate
    os.killpg(builder.pid, signal.SIGINT)  # a terminal interrupts the workers too
    open_gate(gated)
    _, errors = builder.communicate(timeout=PATIENCE)
    assert builder.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert entries(cache_dir) == []
