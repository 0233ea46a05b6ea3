"""Imports torch and other large libraries faster."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fast_imports() -> Iterator[None]:
    """Pause garbage collection in the block, and exempt all objects that exist after it.

    The collector would visit the million objects that libraries create again and again, although
    these are needed to the end: a second of the six that importing torch and Lightning takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
