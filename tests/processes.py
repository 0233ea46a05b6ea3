"""Which processes a command left behind."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

MARK = "PRIVACY_GAN_TEST"


def marked():
    """Return an environment by which a command's processes are known, and its mark."""
    mark = uuid.uuid4().hex
    return os.environ | {"OMP_NUM_THREADS": "1", MARK: mark}, mark


def alive(mark):
    """Return the process numbers of those with a mark."""
    entry = f"{MARK}={mark}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ended = ") Z " in (process / "stat").read_text()
            if not ended and entry in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def all_gone(mark, seconds=10):
    """Tell whether all with a mark are gone within a time."""
    until = time.monotonic() + seconds
    while alive(mark) and time.monotonic() < until:
        time.sleep(0.1)
    return not alive(mark)
