"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_SUFFIX = ".partial"  # ends the name of what is being written


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what is written there then takes its place.

    Readers of ``path`` see the old content or the new one, also after a crash; if the block
    fails, the old one stays and nothing else is left. One process at a time may write a path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # always the same name, so that what a killed process left is overwritten by the next
    temporary = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    temporary.unlink(missing_ok=True)  # were it a link, what it leads to would be written
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
