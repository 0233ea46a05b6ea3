"""Progress of long work: bars for who looks at one run, reports for who watches several."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import tqdm

# what is done, how much of it, and of how much
Listener = Callable[[str, int, int], None]

LINES = 10  # of a bar where each that is drawn stays

_shown: ContextVar[bool] = ContextVar("shown", default=True)
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def bars_shown(shown: bool) -> Iterator[None]:
    """Show bars within, or do not."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call a function within whenever there is progress."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(what: str, done: int, total: int) -> None:
    """Say how far something came to whoever listens."""
    if (listener := _listener.get()) is not None:
        listener(what, done, total)


@contextmanager
def progress(what: str, total: int, unit: str = "it") -> Iterator[Callable[[int], None]]:
    """Show and report progress; yields what is to be called with how much more is done.

    Where the output is not a terminal, a bar is a line for each tenth of the way.
    """
    redraws = sys.stderr.isatty()
    done = 0
    with tqdm(
        desc=what,
        total=total,
        unit=unit,
        disable=not _shown.get(),
        mininterval=0.1 if redraws else 0,
        miniters=None if redraws else max(1, -(-total // LINES)),
        maxinterval=10 if redraws else float("inf"),
        dynamic_ncols=redraws,
    ) as bar:

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            bar.update(steps)
            report(what, done, total)

        report(what, 0, total)
        yield advance
