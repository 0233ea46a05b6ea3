"""Progress bars for one run, and progress reports for a process that supervises several."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tqdm import tqdm

# called with a description, the steps done and the total number of steps
Listener = Callable[[str, int, int], None]

LINES_PER_BAR = 10  # where a bar cannot be redrawn in place

_shown: ContextVar[bool] = ContextVar("shown", default=True)
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def show_bars(shown: bool) -> Iterator[None]:
    """Show or hide progress bars within the block."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def progress_listener(listener: Listener) -> Iterator[None]:
    """Call ``listener`` with all progress that is reported within the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report_progress(description: str, done: int, total: int) -> None:
    """Report progress to the listener, if there is one."""
    if (listener := _listener.get()) is not None:
        listener(description, done, total)


@contextmanager
def progress_bar(description: str, total: int, unit: str = "it") -> Iterator[Callable[[int], None]]:
    """Show a progress bar and report progress; yields a function that advances both.

    If the output is not a terminal, a new line is printed for every tenth of the work.

    Args:
        description: what the work is, for display.
        total: number of steps.
        unit: what a step is called.
    """
    redraws = sys.stderr.isatty()
    done = 0
    with tqdm(
        desc=description,
        total=total,
        unit=unit,
        disable=not _shown.get(),
        mininterval=0.1 if redraws else 0,
        miniters=None if redraws else max(1, -(-total // LINES_PER_BAR)),
        maxinterval=10 if redraws else float("inf"),
        dynamic_ncols=redraws,
    ) as bar:

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            bar.update(steps)
            report_progress(description, done, total)

        report_progress(description, 0, total)
        yield advance
