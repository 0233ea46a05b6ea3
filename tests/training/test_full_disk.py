"""Runs and sweeps on full and read-only disks."""

import pytest
from commands import run_train
from disks import mount_tmpfs


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 2 MB with 0.5 MB free."""
    with mount_tmpfs(tmp_path / "disk", "size=2m") as disk:
        (disk / "others").write_bytes(bytes(1536 << 10))
        yield disk


@pytest.fixture
def read_only_disk(tmp_path):
    with mount_tmpfs(tmp_path / "disk", "size=20m,ro") as disk:
        yield disk


def test_full_disk_ends_the_run_with_one_line_and_leaves_no_partial_checkpoint(
    tmp_path, small_disk
):
    process = run_train(tmp_path, "trainer.max_epochs=1", f"output_dir={small_disk}")
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("error: no space left to write")
    assert "last.ckpt" in last
    assert not list(small_disk.rglob("*last.ckpt*"))


def test_sweep_reports_a_full_disk_as_each_runs_reason(tmp_path, small_disk):
    process = run_train(tmp_path, "-m", "trainer.max_epochs=1", f"output_dir={small_disk}")
    assert process.returncode == 1
    assert "Traceback" not in process.stderr + process.stdout
    assert "sweep of 1 run: 1 failed" in process.stdout
    reason = next(line for line in process.stdout.splitlines() if "no space left to write" in line)
    assert "last.ckpt: free some space and repeat" in reason


def test_sweep_into_a_read_only_folder_fails_with_one_line(tmp_path, read_only_disk):
    process = run_train(tmp_path, "-m", "seed=0,1", f"output_dir={read_only_disk}/outputs")
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"error: cannot write {read_only_disk}/outputs (Read-only file system)")
