"""A sweep's progress lines, with expected values worked out by hand."""

import io
import logging
import os
import pty
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from privacy_gan.sweeping import display
from privacy_gan.sweeping.display import (
    PlainDisplay,
    ProgressView,
    format_duration,
    format_progress,
    select_display,
)
from privacy_gan.sweeping.heartbeat import Heartbeat, HeartbeatReporter, Heartbeats
from privacy_gan.sweeping.swept_run import PENDING, SKIPPED


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def monotonic(self):
        return self.now

    def strftime(self, pattern):
        return "12:00:00"


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("privacy_gan.sweeping.display.time", clock)
    monkeypatch.setattr("privacy_gan.sweeping.heartbeat.time", clock)
    return clock


def run_at(folder, *overrides, status=PENDING):
    folder.mkdir(parents=True, exist_ok=True)
    return SimpleNamespace(overrides=overrides, folder=folder, status=status)


def test_time_left_is_extrapolated_from_the_steps_since_the_start(tmp_path, clock):
    heartbeats, run = Heartbeats(tmp_path), tmp_path / "run"
    report = HeartbeatReporter(heartbeats, run)
    report("training", 40, 100)  # resumed from a checkpoint
    assert heartbeats.read(run) == Heartbeat("training", 0.4, None)
    clock.now = 10
    report("training", 60, 100)
    assert heartbeats.read(run) == Heartbeat("training", 0.6, 20.0)  # 20 steps in 10 s, 40 to go
    clock.now = 10.1
    report("training", 61, 100)  # too soon after the last report
    assert heartbeats.read(run).fraction == 0.6
    report("judging", 0, 4)
    assert heartbeats.read(run) == Heartbeat("judging", 0.0, None)


def test_warnings_are_readable_after_the_run_has_ended(tmp_path):
    heartbeats, run = Heartbeats(tmp_path), tmp_path / "run"
    report = HeartbeatReporter(heartbeats, run)
    assert heartbeats.read(run) is None
    log = logging.Logger("of a run")
    log.addHandler(report)
    log.info("nothing new")
    log.warning("mind the\n%s", "gap")
    report("training", 40, 100)
    assert heartbeats.read(run) == Heartbeat("training", 0.4, None, ["mind the gap"])
    heartbeats.end(run)
    assert heartbeats.read(run) == Heartbeat("", warnings=["mind the gap"])


def test_a_progress_line_has_activity_percentage_and_time_left():
    assert format_progress(Heartbeat("starting")) == "starting"
    assert format_progress(Heartbeat("training", 0.25, 3723.4)) == "training 25%, 1:02:03 left"
    assert format_progress(Heartbeat("measuring", 1.0, 0.0)) == "after measuring"
    assert [format_duration(seconds) for seconds in (0, 7.4, 225, 3600)] == [
        *("0:00", "0:07", "3:45", "1:00:00")
    ]


def test_a_file_gets_events_at_once_and_progress_once_a_minute(tmp_path, clock):
    (tmp_path / "heartbeats").mkdir()
    heartbeats = Heartbeats(tmp_path / "heartbeats")
    runs = [
        run_at(tmp_path / "a", "seed=0", status=SKIPPED),
        *(run_at(tmp_path / name, f"seed={i}") for i, name in enumerate("bcd", start=1)),
    ]
    output = io.StringIO()
    view = ProgressView(heartbeats, runs, PlainDisplay(output))

    def new_lines():
        text = output.getvalue()
        output.seek(0)
        output.truncate()
        return text.splitlines()

    heartbeats.write(runs[1].folder, Heartbeat("starting"))
    view.update()
    assert new_lines() == ["12:00:00 started  seed=1"]
    clock.now = 30
    heartbeats.write(runs[1].folder, Heartbeat("training", 0.5, 20.0))
    view.update()
    assert new_lines() == []
    clock.now = 40
    heartbeats.write(runs[1].folder, Heartbeat("training", 0.9, 2.0, ["mind the gap"]))
    heartbeats.end(runs[1].folder)
    (runs[1].folder / "result.json").write_text("{}")
    heartbeats.write(runs[2].folder, Heartbeat("training", 0.25, 15.0))
    view.update()
    assert new_lines() == [
        "12:00:00 seed=1: mind the gap",
        "12:00:00 finished after 0:40  seed=1",
        "12:00:00 started  seed=2",
    ]
    clock.now = 65
    again = ["mind the gap"]  # already shown for another run
    heartbeats.write(runs[2].folder, Heartbeat("training", 0.25, 15.0, again))
    view.update()
    # 15 of 40 s are left for this run, 40 s for the last one
    assert new_lines() == [
        "  seed=2  training 25%, 0:15 left",
        "  2 of 4 runs ended, about 0:55 left",
    ]
    heartbeats.request_stop(2)
    heartbeats.end(runs[2].folder)
    view.update()
    assert new_lines() == [
        "12:00:00 stopping: the active runs save their state",
        "12:00:00 stopped after 0:25  seed=2",
    ]
    assert display.SECONDS_BETWEEN_LINES == 60


@pytest.fixture
def terminal(monkeypatch):
    """Yield a terminal, and a function that returns all output written to it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    master, slave = pty.openpty()
    output = os.fdopen(slave, "w", encoding="utf-8")

    def read_all():
        output.close()
        parts = []
        with suppress(OSError):  # raised at the end of the output
            while part := os.read(master, 100_000):
                parts.append(part)
        return b"".join(parts).decode()

    yield output, read_all
    output.close()
    os.close(master)


def show(tmp_path, output):
    """Show a run that starts, makes progress and ends."""
    heartbeats, run = Heartbeats(tmp_path), run_at(tmp_path / "run")
    view = ProgressView(heartbeats, [run], select_display(output))
    heartbeats.write(run.folder, Heartbeat("training", 0.25, 15.0))
    view.update()
    heartbeats.end(run.folder)
    view.update()
    view.display.close()


def test_a_terminal_shows_redrawn_progress_below_the_events(tmp_path, terminal):
    pytest.importorskip("rich")
    output, read_all = terminal
    show(tmp_path, output)
    text = read_all()
    parts = ["started  ", "training 25%, 0:15 left", "0 of 1 runs ended", "ended without a"]
    assert [text.index(part) for part in parts] == sorted(map(text.index, parts))
    assert "\x1b[2K" in text[text.rindex("0:15 left") :]  # the progress is cleared


def test_a_terminal_without_rich_shows_the_same_lines_as_a_file(tmp_path, terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.live", None)
    output, read_all = terminal
    show(tmp_path, output)
    first, last = read_all().splitlines()
    assert "started  " in first
    assert "ended without a result after 0:00  " in last
