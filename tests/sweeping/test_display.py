"""What a person sees of a sweep: values worked by hand."""

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


def test_time_left_is_as_for_what_was_done_since_it_was_begun(tmp_path, clock):
    heartbeats, run = Heartbeats(tmp_path), tmp_path / "run"
    report = HeartbeatReporter(heartbeats, run)
    report("training", 40, 100)  # went on from a checkpoint
    assert heartbeats.read(run) == Heartbeat("training", 0.4, None)
    clock.now = 10
    report("training", 60, 100)
    assert heartbeats.read(run) == Heartbeat("training", 0.6, 20.0)  # 20 steps in 10 s, 40 to go
    clock.now = 10.1
    report("training", 61, 100)  # nobody could read that fast
    assert heartbeats.read(run).done == 0.6
    report("judging", 0, 4)
    assert heartbeats.read(run) == Heartbeat("judging", 0.0, None)


def test_what_a_run_warns_of_outlasts_it(tmp_path):
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


def test_a_line_says_what_is_done_how_far_and_how_long_still():
    assert format_progress(Heartbeat("starting")) == "starting"
    assert (
        format_progress(Heartbeat("training", 0.25, 3723.4)) == "training 25%, 1:02:03 left of it"
    )
    assert format_progress(Heartbeat("measuring", 1.0, 0.0)) == "after measuring"
    assert [format_duration(seconds) for seconds in (0, 7.4, 225, 3600)] == [
        *("0:00", "0:07", "3:45", "1:00:00")
    ]


def test_a_file_gets_what_happens_at_once_and_how_things_stand_once_a_minute(tmp_path, clock):
    (tmp_path / "heartbeats").mkdir()
    heartbeats = Heartbeats(tmp_path / "heartbeats")
    runs = [
        run_at(tmp_path / "a", "seed=0", status=SKIPPED),
        *(run_at(tmp_path / name, f"seed={i}") for i, name in enumerate("bcd", start=1)),
    ]
    output = io.StringIO()
    view = ProgressView(heartbeats, runs, PlainDisplay(output))

    def said():
        text = output.getvalue()
        output.seek(0)
        output.truncate()
        return text.splitlines()

    heartbeats.write(runs[1].folder, Heartbeat("starting"))
    view.update()
    assert said() == ["12:00:00 begun  seed=1"]
    clock.now = 30
    heartbeats.write(runs[1].folder, Heartbeat("training", 0.5, 20.0))
    view.update()
    assert said() == []
    clock.now = 40
    heartbeats.write(runs[1].folder, Heartbeat("training", 0.9, 2.0, ["mind the gap"]))
    heartbeats.end(runs[1].folder)
    (runs[1].folder / "result.json").write_text("{}")
    heartbeats.write(runs[2].folder, Heartbeat("training", 0.25, 15.0))
    view.update()
    assert said() == [
        "12:00:00 seed=1: mind the gap",
        "12:00:00 finished after 0:40  seed=1",
        "12:00:00 begun  seed=2",
    ]
    clock.now = 65
    again = ["mind the gap"]  # which was said of another run
    heartbeats.write(runs[2].folder, Heartbeat("training", 0.25, 15.0, again))
    view.update()
    # 15 of 40 s left of this run, 40 of the last
    assert said() == [
        "  seed=2  training 25%, 0:15 left of it",
        "  2 of 4 runs ended, about 0:55 left",
    ]
    heartbeats.request_stop(2)
    heartbeats.end(runs[2].folder)
    view.update()
    assert said() == [
        "12:00:00 stopping: runs that are at work save their state",
        "12:00:00 stopped after 0:25  seed=2",
    ]
    assert display.SECONDS_BETWEEN_LINES == 60


@pytest.fixture
def terminal(monkeypatch):
    """A terminal, and a function that returns what it was sent."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    ours, theirs = pty.openpty()
    output = os.fdopen(theirs, "w", encoding="utf-8")

    def sent():
        output.close()
        parts = []
        with suppress(OSError):  # all is read
            while part := os.read(ours, 100_000):
                parts.append(part)
        return b"".join(parts).decode()

    yield output, sent
    output.close()
    os.close(ours)


def show(tmp_path, output):
    """Show a run that begins, goes on and ends."""
    heartbeats, run = Heartbeats(tmp_path), run_at(tmp_path / "run")
    view = ProgressView(heartbeats, [run], select_display(output))
    heartbeats.write(run.folder, Heartbeat("training", 0.25, 15.0))
    view.update()
    heartbeats.end(run.folder)
    view.update()
    view.lines.close()


def test_on_a_terminal_lines_are_drawn_again_below_those_that_stay(tmp_path, terminal):
    pytest.importorskip("rich")
    output, sent = terminal
    show(tmp_path, output)
    shown = sent()
    places = ["begun  ", "training 25%, 0:15 left of it", "0 of 1 runs ended", "ended without a"]
    assert [shown.index(place) for place in places] == sorted(map(shown.index, places))
    assert "\x1b[2K" in shown[shown.rindex("left of it") :]  # taken away


def test_on_a_terminal_without_rich_lines_are_those_of_a_file(tmp_path, terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.live", None)
    output, sent = terminal
    show(tmp_path, output)
    first, last = sent().splitlines()
    assert "begun  " in first
    assert "ended without a result after 0:00  " in last
