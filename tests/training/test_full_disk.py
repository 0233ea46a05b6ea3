"""A disk that fills up while a run saves its state."""

import subprocess

import pytest
from tiny_runs import run_train


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 20 MB, a tenth of what the tiny run's checkpoint needs."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_in_one_line_and_leaves_no_half_checkpoint(tmp_path, small_disk):
    process = run_train(tmp_path, "trainer.max_epochs=1", f"output_dir={small_disk}")
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("error: no space left to write")
    assert "last.ckpt" in last
    assert not list(small_disk.rglob("*last.ckpt*"))
