"""A sweep as a person sees it: a line for each run that is at work, and one for all."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

from privacy_gan.sweeping.heartbeat import Heartbeat, Heartbeats
from privacy_gan.sweeping.swept_run import MISSING, SweptRun, names_of

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_LINES = 60  # where lines cannot be drawn again, each stays


@contextmanager
def watching(heartbeats: Heartbeats, runs: Sequence[SweptRun]) -> Iterator[None]:
    """Show how far the runs of a sweep are for as long as they are at work.

    Args:
        heartbeats: of the sweep.
        runs: all of them; those that are finished before are counted only.
    """
    lines = lines_for(sys.stdout)
    view = View(heartbeats, runs, lines)
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            view.update()

    thread = threading.Thread(target=look, name="watch-runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        view.update()
        lines.close()


def lines_for(output: TextIO) -> PrintedLines | RedrawnLines:
    """Return what shows lines: on a terminal, where rich is installed, they are drawn again."""
    if output.isatty():
        with suppress(ModuleNotFoundError):
            return RedrawnLines(output)
    return PrintedLines(output)


class PrintedLines:
    """Lines for a file: what changes at once, what goes on once a minute.

    Args:
        output: where to.
    """

    def __init__(self, output: TextIO) -> None:
        self.output = output
        self.shown_at = time.monotonic()

    def tell(self, line: str) -> None:
        """Print what happened."""
        print(line, file=self.output, flush=True)

    def show(self, lines: Sequence[str]) -> None:
        """Print how things stand if that is long ago."""
        if time.monotonic() - self.shown_at >= SECONDS_BETWEEN_LINES:
            self.shown_at = time.monotonic()
            for line in lines:
                self.tell(line)

    def close(self) -> None:
        """Do nothing."""


class RedrawnLines:
    """Lines at the bottom of a terminal, drawn again and again below those that stay.

    Args:
        output: the terminal.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """

    def __init__(self, output: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self.line = Text
        self.live = Live(console=Console(file=output), auto_refresh=False, transient=True)
        self.live.start()

    def tell(self, line: str) -> None:
        """Print what happened above the others."""
        self.live.console.print(self.line(line), soft_wrap=True)

    def show(self, lines: Sequence[str]) -> None:
        """Draw how things stand."""
        cut = partial(self.line, no_wrap=True, overflow="ellipsis")
        self.live.update(cut("\n".join(lines)), refresh=True)

    def close(self) -> None:
        """Take the lines away."""
        self.live.stop()


class View:
    """What is to be shown.

    Args:
        heartbeats: of the sweep.
        runs: all of them.
        lines: where it is shown.
    """

    def __init__(
        self,
        heartbeats: Heartbeats,
        runs: Sequence[SweptRun],
        lines: PrintedLines | RedrawnLines,
    ) -> None:
        self.heartbeats = heartbeats
        self.runs = runs
        self.lines = lines
        self.names = names_of(runs)
        self.launched = [i for i, run in enumerate(runs) if run.status == MISSING]
        self.begun_at: dict[int, float] = {}
        self.ended: set[int] = set()  # one that a cluster preempts begins again
        self.took: list[float] = []
        self.stopping = False
        self.said: set[str] = set()

    def update(self) -> None:
        """Look at the heartbeats; tell what began and ended, and show what goes on."""
        read = {i: self.heartbeats.read(self.runs[i].folder) for i in self.launched}
        known = {i: heartbeat for i, heartbeat in read.items() if heartbeat is not None}
        at_work = {i: heartbeat for i, heartbeat in known.items() if heartbeat.what}
        now = time.monotonic()
        if self.heartbeats.stops() and not self.stopping:
            self.stopping = True
            self.tell("stopping: runs that are at work save their state")
        for i, heartbeat in known.items():
            for message in heartbeat.warnings:
                if message not in self.said:  # one for many runs says it of all
                    self.tell(f"{self.names[i]}: {message}")
                    self.said.add(message)
        for i in sorted(self.begun_at.keys() - at_work.keys()):
            self.end(i, now - self.begun_at.pop(i))
        for i in sorted(at_work.keys() - self.begun_at.keys()):
            self.begun_at[i] = now
            self.ended.discard(i)
            self.tell(f"begun  {self.names[i]}")
        width = max((len(self.names[i]) for i in at_work), default=0)
        shown = [f"  {self.names[i]:<{width}}  {how_far(at_work[i])}" for i in sorted(at_work)]
        if at_work:
            self.lines.show([*shown, self.total(len(at_work))])

    def tell(self, happened: str) -> None:
        """Tell what happened, and when."""
        self.lines.tell(f"{time.strftime('%H:%M:%S')} {happened}")

    def end(self, i: int, seconds: float) -> None:
        """Tell that a run is not at work any more."""
        self.ended.add(i)
        word = "stopped" if self.stopping else "ended without a result"
        if (self.runs[i].folder / "result.json").exists():
            self.took.append(seconds)
            word = "finished"
        self.tell(f"{word} after {duration(seconds)}  {self.names[i]}")

    def total(self, at_work: int) -> str:
        """Say how far all runs are, and how long the others will take if they take as long."""
        to_come = len(self.launched) - len(self.ended)
        text = f"  {len(self.runs) - to_come} of {len(self.runs)} runs ended"
        if not self.took:
            return text
        mean = sum(self.took) / len(self.took)
        now = time.monotonic()
        left = sum(max(0.0, mean - (now - begun)) for begun in self.begun_at.values())
        left += mean * (to_come - at_work)
        return f"{text}, about {duration(left / at_work)} left"


def how_far(heartbeat: Heartbeat) -> str:
    """Say how far a run is."""
    if heartbeat.done >= 1:
        return f"after {heartbeat.what}"
    if heartbeat.seconds_left is None:
        return heartbeat.what
    return f"{heartbeat.what} {heartbeat.done:.0%}, {duration(heartbeat.seconds_left)} left of it"


def duration(seconds: float) -> str:
    """Return a time as 0:07, 3:45 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
