"""Shows a sweep's progress: a line for each active run and one for the whole sweep."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

from privacy_gan.sweeping.heartbeat import Heartbeat, Heartbeats
from privacy_gan.sweeping.swept_run import PENDING, SweptRun, run_names

POLL_SECONDS = 0.5
SECONDS_BETWEEN_LINES = 60  # where lines cannot be redrawn


@contextmanager
def show_progress(heartbeats: Heartbeats, runs: Sequence[SweptRun]) -> Iterator[None]:
    """Show the progress of a sweep's runs within the block.

    Args:
        heartbeats: the sweep's heartbeats.
        runs: all of its runs; those that were finished before are only counted.
    """
    display = select_display(sys.stdout)
    view = ProgressView(heartbeats, runs, display)
    done = threading.Event()

    def poll() -> None:
        while not done.wait(POLL_SECONDS):
            view.update()

    thread = threading.Thread(target=poll, name="show-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        view.update()
        display.close()


def select_display(output: TextIO) -> PlainDisplay | LiveDisplay:
    """Return a live display for a terminal if rich is installed, else a plain one."""
    if output.isatty():
        with suppress(ModuleNotFoundError):
            return LiveDisplay(output)
    return PlainDisplay(output)


class PlainDisplay:
    """Prints events at once and the progress once a minute, for output to a file.

    Args:
        output: the stream to print to.
    """

    def __init__(self, output: TextIO) -> None:
        self.output = output
        self.shown_at = time.monotonic()

    def print_event(self, line: str) -> None:
        """Print an event."""
        print(line, file=self.output, flush=True)

    def show(self, lines: Sequence[str]) -> None:
        """Print the progress, unless that was less than a minute ago."""
        if time.monotonic() - self.shown_at >= SECONDS_BETWEEN_LINES:
            self.shown_at = time.monotonic()
            for line in lines:
                self.print_event(line)

    def close(self) -> None:
        """Do nothing."""


class LiveDisplay:
    """Redraws the progress at the bottom of a terminal, below the events.

    Args:
        output: the terminal.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """

    def __init__(self, output: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self.text = Text
        self.live = Live(console=Console(file=output), auto_refresh=False, transient=True)
        self.live.start()

    def print_event(self, line: str) -> None:
        """Print an event above the progress."""
        self.live.console.print(self.text(line), soft_wrap=True)

    def show(self, lines: Sequence[str]) -> None:
        """Redraw the progress."""
        truncated = partial(self.text, no_wrap=True, overflow="ellipsis")
        self.live.update(truncated("\n".join(lines)), refresh=True)

    def close(self) -> None:
        """Clear the progress."""
        self.live.stop()


class ProgressView:
    """Turns heartbeats into events and progress lines.

    Args:
        heartbeats: the sweep's heartbeats.
        runs: all of its runs.
        display: shows the lines.
    """

    def __init__(
        self,
        heartbeats: Heartbeats,
        runs: Sequence[SweptRun],
        display: PlainDisplay | LiveDisplay,
    ) -> None:
        self.heartbeats = heartbeats
        self.runs = runs
        self.display = display
        self.names = run_names(runs)
        self.pending_indices = [i for i, run in enumerate(runs) if run.status == PENDING]
        self.started_at: dict[int, float] = {}
        self.ended: set[int] = set()  # without preempted runs that have started again
        self.durations: list[float] = []  # seconds that finished runs took
        self.stopping = False
        self.shown_warnings: set[str] = set()

    def update(self) -> None:
        """Read the heartbeats, print new events and show the progress."""
        read = {i: self.heartbeats.read(self.runs[i].folder) for i in self.pending_indices}
        known = {i: heartbeat for i, heartbeat in read.items() if heartbeat is not None}
        active = {i: heartbeat for i, heartbeat in known.items() if heartbeat.activity}
        now = time.monotonic()
        if self.heartbeats.stop_signals() and not self.stopping:
            self.stopping = True
            self.print_event("stopping: the active runs save their state")
        for i, heartbeat in known.items():
            for message in heartbeat.warnings:
                if message not in self.shown_warnings:  # often the same for many runs
                    self.print_event(f"{self.names[i]}: {message}")
                    self.shown_warnings.add(message)
        for i in sorted(self.started_at.keys() - active.keys()):
            self.end(i, now - self.started_at.pop(i))
        for i in sorted(active.keys() - self.started_at.keys()):
            self.started_at[i] = now
            self.ended.discard(i)
            self.print_event(f"started  {self.names[i]}")
        width = max((len(self.names[i]) for i in active), default=0)
        lines = [
            f"  {self.names[i]:<{width}}  {format_progress(active[i])}" for i in sorted(active)
        ]
        if active:
            self.display.show([*lines, self.format_total(len(active))])

    def print_event(self, event: str) -> None:
        """Print an event with the time of day."""
        self.display.print_event(f"{time.strftime('%H:%M:%S')} {event}")

    def end(self, i: int, seconds: float) -> None:
        """Print that a run has ended, and how."""
        self.ended.add(i)
        outcome = "stopped" if self.stopping else "ended without a result"
        if (self.runs[i].folder / "result.json").exists():
            self.durations.append(seconds)
            outcome = "finished"
        self.print_event(f"{outcome} after {format_duration(seconds)}  {self.names[i]}")

    def format_total(self, num_active: int) -> str:
        """Return the number of ended runs and the time left, from the mean time of a run."""
        num_remaining = len(self.pending_indices) - len(self.ended)
        text = f"  {len(self.runs) - num_remaining} of {len(self.runs)} runs ended"
        if not self.durations:
            return text
        mean = sum(self.durations) / len(self.durations)
        now = time.monotonic()
        seconds = sum(max(0.0, mean - (now - start)) for start in self.started_at.values())
        seconds += mean * (num_remaining - num_active)
        return f"{text}, about {format_duration(seconds / num_active)} left"


def format_progress(heartbeat: Heartbeat) -> str:
    """Return a run's activity, with its progress and the time left if they are known."""
    if heartbeat.fraction >= 1:
        return f"after {heartbeat.activity}"
    if heartbeat.seconds_remaining is None:
        return heartbeat.activity
    left = format_duration(heartbeat.seconds_remaining)
    return f"{heartbeat.activity} {heartbeat.fraction:.0%}, {left} left"


def format_duration(seconds: float) -> str:
    """Return a duration as 0:07, 3:45 or 1:02:03."""
    minutes, seconds_part = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds_part:02}"
    return f"{minutes}:{seconds_part:02}"
