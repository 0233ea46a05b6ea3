"""Progress bars of the judge."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

_shown: ContextVar[bool] = ContextVar("shown", default=True)


@contextmanager
def bars_shown(shown: bool) -> Iterator[None]:
    """Show progress within, or do not."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


def progress(description: str, total: int) -> Any:
    """Return a bar to be used in a ``with``; where the output is not a terminal, seldom drawn."""
    redraws = sys.stderr.isatty()
    return tqdm(
        desc=description,
        total=total,
        disable=not _shown.get(),
        mininterval=0.1 if redraws else 15,
        dynamic_ncols=redraws,
    )
