"""Finds the processes that a command left behind, by their working directory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def running_processes(folder: Path) -> list[int]:
    """Return the PIDs of the processes whose working directory is a folder or below it."""
    pids = []
    folder = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_zombie = ") Z " in (process / "stat").read_text()
            if not is_zombie and (process / "cwd").readlink().is_relative_to(folder):
                pids.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return pids


def all_exited(folder: Path, seconds: float = 10) -> bool:
    """Return whether all processes in a folder end within a time."""
    deadline = time.monotonic() + seconds
    while running_processes(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not running_processes(folder)


@contextmanager
def kill_at_end(folder: Path) -> Iterator[None]:
    """Kill the processes in a folder at the end of the block, however it ends."""
    try:
        yield
    finally:
        while pids := running_processes(folder):  # again, because these may start others
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
