"""GPU reservation: each process that is alive gets its own GPUs of those that nvidia-smi lists."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from privacy_gan.errors import UserError
from privacy_gan.sweeping.gpus import VISIBLE_DEVICES, lock_gpus, reserve_gpus, visible_gpus


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """Replace nvidia-smi by a script that lists two GPUs, and put the locks into this folder."""
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv(VISIBLE_DEVICES, raising=False)


RESERVE = """
import sys
from privacy_gan.sweeping.gpus import reserve_gpus
with reserve_gpus("gpu", devices=1, runs_per_device=1) as gpus:
    print(gpus["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.mark.usefixtures("two_gpus")
def test_parallel_processes_get_different_gpus_and_a_killed_one_releases_its_gpu():
    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", RESERVE], **pipes)

    first, second = start(), start()
    reserved = {first: first.stdout.readline(), second: second.stdout.readline()}
    assert sorted(reserved.values()) == ["GPU-a\n", "GPU-b\n"]
    third = start()  # waits
    first.kill()
    assert third.stdout.readline() == reserved[first]
    for process in (first, second, third):
        process.communicate()


@pytest.mark.usefixtures("two_gpus")
def test_all_requested_gpus_are_locked_or_none():
    with reserve_gpus("gpu", 1, 1) as first:
        assert first == {VISIBLE_DEVICES: "GPU-a"}
        with ExitStack() as locks:
            assert lock_gpus(["GPU-a", "GPU-b"], 2, 1, locks) is None
        with reserve_gpus("gpu", 1, 1) as second:
            assert second == {VISIBLE_DEVICES: "GPU-b"}
    with reserve_gpus("gpu", 2, 1) as both:
        assert both == {VISIBLE_DEVICES: "GPU-a,GPU-b"}


@pytest.mark.usefixtures("two_gpus")
def test_runs_per_device_shares_gpus_least_used_first():
    with reserve_gpus("gpu", 1, 2) as first, reserve_gpus("gpu", 1, 2) as second:
        assert (first, second) == ({VISIBLE_DEVICES: "GPU-a"}, {VISIBLE_DEVICES: "GPU-b"})
        with reserve_gpus("gpu", 1, 2) as third:
            assert third == {VISIBLE_DEVICES: "GPU-a"}


@pytest.mark.usefixtures("two_gpus")
def test_only_visible_gpus_are_reserved(monkeypatch):
    monkeypatch.setenv(VISIBLE_DEVICES, "1")
    assert visible_gpus() == ["GPU-b"]
    monkeypatch.setenv(VISIBLE_DEVICES, "")
    assert visible_gpus() == []


@pytest.mark.usefixtures("two_gpus")
def test_more_gpus_than_visible_is_an_error():
    with (
        pytest.raises(UserError, match=r"trainer.devices=3, but 2 GPUs are visible"),
        reserve_gpus("gpu", 3, 1),
    ):
        pass


@pytest.mark.usefixtures("two_gpus")
def test_no_gpu_is_reserved_for_the_cpu():
    with reserve_gpus("cpu", 1, 1) as gpus:
        assert gpus == {}
