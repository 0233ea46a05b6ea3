"""Disks of their own, which fill up or cannot be written."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def mount_tmpfs(folder, options):
    """Mount a disk in memory while the block runs; skip the test where that is not permitted."""
    if shutil.which("mount") is None:
        pytest.skip("mounting is not permitted here: there is no mount command")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        pytest.skip(f"mounting is not permitted here: {process.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
