"""Atomic writes: files appear complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_SUFFIX = ".partial"  # of temporary files and folders


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, which replaces ``path`` at the end of the block.

    Readers of ``path`` see the old content or the new one, even after a crash. If the block fails,
    the old content stays and the temporary file is deleted. Only one process at a time may write a
    path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # always the same name, so that the next write replaces what a killed process left
    temporary = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    temporary.unlink(missing_ok=True)  # writing to a symbolic link would overwrite its target
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
