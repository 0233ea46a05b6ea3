"""Small disks for tests, which fill up or are read-only."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def mount_tmpfs(folder, options):
    """Mount a disk in memory within the block; skip the test if mounting is not permitted."""
    if shutil.which("mount") is None:
        pytest.skip("cannot mount: there is no mount command")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        pytest.skip(f"cannot mount: {process.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
