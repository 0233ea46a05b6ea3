"""Which processes a command left behind: they are known by the folder that they work in."""

from __future__ import annotations

import time
from pathlib import Path


def running_processes(folder: Path) -> list[int]:
    """Return the numbers of the processes that were started in a folder, or below it."""
    found = []
    folder = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ended = ") Z " in (process / "stat").read_text()
            if not ended and (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def all_exited(folder: Path, seconds: float = 10) -> bool:
    """Tell whether all that were started in a folder are gone within a time."""
    until = time.monotonic() + seconds
    while running_processes(folder) and time.monotonic() < until:
        time.sleep(0.1)
    return not running_processes(folder)
