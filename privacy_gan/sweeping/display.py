"""A sweep as a person sees it: a line for each run that is at work, and one for all."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from tqdm import tqdm

from privacy_gan.sweeping.naming import names_of
from privacy_gan.sweeping.notes import Note, Notes
from privacy_gan.sweeping.swept_run import MISSING, SweptRun

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_LINES = 60  # where lines cannot be drawn again, each stays


@contextmanager
def watching(notes: Notes, runs: Sequence[SweptRun]) -> Iterator[None]:
    """Show how far the runs of a sweep are for as long as they are at work.

    Args:
        notes: of the sweep.
        runs: all of them; those that are finished before are counted only.
    """
    output = sys.stdout
    lines = RedrawnLines(output) if output.isatty() else PrintedLines(output)
    view = View(notes, runs, lines)
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
        if time.monotonic() - self.shown_at < SECONDS_BETWEEN_LINES:
            return
        self.shown_at = time.monotonic()
        for line in lines:
            self.tell(line)

    def close(self) -> None:
        """Do nothing."""


class RedrawnLines:
    """Lines at the bottom of a terminal, drawn again and again below those that stay.

    Args:
        output: the terminal.
    """

    def __init__(self, output: TextIO) -> None:
        self.output = output
        self.bars: list[tqdm[None]] = []

    def tell(self, line: str) -> None:
        """Print what happened above the others."""
        tqdm.write(line, file=self.output)

    def show(self, lines: Sequence[str]) -> None:
        """Draw how things stand."""
        while len(self.bars) > len(lines):
            self.bars.pop().close()
        while len(self.bars) < len(lines):
            self.bars.append(
                tqdm(
                    file=self.output,
                    position=len(self.bars),
                    bar_format="{desc}",
                    leave=False,
                    dynamic_ncols=True,
                )
            )
        for bar, line in zip(self.bars, lines, strict=True):
            bar.set_description_str(line)

    def close(self) -> None:
        """Take the lines away."""
        self.show([])


@dataclass
class View:
    """What is to be shown.

    Args:
        notes: of the sweep.
        runs: all of them.
        lines: where it is shown.
    """

    notes: Notes
    runs: Sequence[SweptRun]
    lines: PrintedLines | RedrawnLines
    begun_at: dict[int, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = names_of(self.runs)
        self.launched = [i for i, run in enumerate(self.runs) if run.status == MISSING]
        self.ended: set[int] = set()  # one that a cluster preempts begins again
        self.stopping = False
        self.said: set[str] = set()

    def update(self) -> None:
        """Look at the notes; tell what began and ended, and show what goes on."""
        notes = {i: self.notes.read(self.runs[i].folder) for i in self.launched}
        at_work = {i: note for i, note in notes.items() if note is not None}
        now = time.monotonic()
        if self.notes.stops() and not self.stopping:
            self.stopping = True
            self.lines.tell(f"{clock()} stopping: runs that are at work save their state")
        for i in sorted(at_work.keys() | self.begun_at.keys()):
            for message in self.notes.told(self.runs[i].folder):
                if message not in self.said:  # one for many runs says it of all
                    self.lines.tell(f"{clock()} {self.names[i]}: {message}")
                    self.said.add(message)
        for i in sorted(self.begun_at.keys() - at_work.keys()):
            self.end(i, now - self.begun_at.pop(i))
        for i in sorted(at_work.keys() - self.begun_at.keys()):
            self.begun_at[i] = now
            self.ended.discard(i)
            self.lines.tell(f"{clock()} begun  {self.names[i]}")
        width = max((len(self.names[i]) for i in at_work), default=0)
        shown = [f"  {self.names[i]:<{width}}  {told(note)}" for i, note in sorted(at_work.items())]
        if at_work:
            self.lines.show([*shown, self.total(len(at_work))])

    def end(self, i: int, seconds: float) -> None:
        """Tell that a run is not at work any more."""
        self.ended.add(i)
        finished = (self.runs[i].folder / "result.json").exists()
        if finished:
            self.took.append(seconds)
        word = "stopped" if self.stopping else "ended without a result"
        word = "finished" if finished else word
        self.lines.tell(f"{clock()} {word} after {duration(seconds)}  {self.names[i]}")

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


def told(note: Note) -> str:
    """Say how far a run is."""
    if note.done >= 1:
        return f"after {note.what}"
    if note.seconds_left is None:
        return note.what
    return f"{note.what} {note.done:.0%}, {duration(note.seconds_left)} left of it"


def duration(seconds: float) -> str:
    """Return a time as 0:07, 3:45 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock() -> str:
    """Return the time of the day."""
    return time.strftime("%H:%M:%S")
