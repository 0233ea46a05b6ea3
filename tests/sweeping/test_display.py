"""What a person sees of a sweep: values worked by hand."""

import io
from types import SimpleNamespace

import pytest

from privacy_gan.sweeping import display
from privacy_gan.sweeping.display import PrintedLines, View, duration, told
from privacy_gan.sweeping.notes import Note, Notes, Reporter
from privacy_gan.sweeping.swept_run import MISSING, SKIPPED


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
    monkeypatch.setattr("privacy_gan.sweeping.notes.time", clock)
    return clock


def run_at(folder, *overrides, status=MISSING):
    folder.mkdir(parents=True, exist_ok=True)
    return SimpleNamespace(overrides=overrides, folder=folder, status=status)


def test_time_left_is_as_for_what_was_done_since_it_was_begun(tmp_path, clock):
    notes, run = Notes(tmp_path), tmp_path / "run"
    report = Reporter(notes, run)
    report("training", 40, 100)  # went on from a checkpoint
    assert notes.read(run) == Note("training", 0.4, None)
    clock.now = 10
    report("training", 60, 100)
    assert notes.read(run) == Note("training", 0.6, 20.0)  # 20 steps in 10 s, 40 to go
    clock.now = 10.1
    report("training", 61, 100)  # nobody could read that fast
    assert notes.read(run).done == 0.6
    report("judging", 0, 4)
    assert notes.read(run) == Note("judging", 0.0, None)
    notes.remove(run)
    assert notes.read(run) is None


def test_a_line_says_what_is_done_how_far_and_how_long_still():
    assert told(Note("starting")) == "starting"
    assert told(Note("training", 0.25, 3723.4)) == "training 25%, 1:02:03 left of it"
    assert told(Note("measuring", 1.0, 0.0)) == "after measuring"
    assert [duration(seconds) for seconds in (0, 7.4, 225, 3600)] == [
        *("0:00", "0:07", "3:45", "1:00:00")
    ]


def test_a_file_gets_what_happens_at_once_and_how_things_stand_once_a_minute(tmp_path, clock):
    (tmp_path / "notes").mkdir()
    notes = Notes(tmp_path / "notes")
    runs = [
        run_at(tmp_path / "a", "seed=0", status=SKIPPED),
        *(run_at(tmp_path / name, f"seed={i}") for i, name in enumerate("bcd", start=1)),
    ]
    output = io.StringIO()
    view = View(notes, runs, PrintedLines(output))

    def said():
        text = output.getvalue()
        output.seek(0)
        output.truncate()
        return text.splitlines()

    notes.write(runs[1].folder, Note("starting"))
    view.update()
    assert said() == ["12:00:00 begun  seed=1"]
    clock.now = 30
    notes.write(runs[1].folder, Note("training", 0.5, 20.0))
    view.update()
    assert said() == []
    clock.now = 40
    notes.tell(runs[1].folder, "mind the\ngap")
    notes.remove(runs[1].folder)
    (runs[1].folder / "result.json").write_text("{}")
    notes.write(runs[2].folder, Note("training", 0.25, 15.0))
    view.update()
    assert said() == [
        "12:00:00 seed=1: mind the gap",
        "12:00:00 finished after 0:40  seed=1",
        "12:00:00 begun  seed=2",
    ]
    clock.now = 65
    notes.tell(runs[2].folder, "mind the gap")  # was said of another run
    view.update()
    # 15 of 40 s left of this run, 40 of the last
    assert said() == [
        "  seed=2  training 25%, 0:15 left of it",
        "  2 of 4 runs ended, about 0:55 left",
    ]
    notes.ask_to_stop(2)
    notes.remove(runs[2].folder)
    view.update()
    assert said() == [
        "12:00:00 stopping: runs that are at work save their state",
        "12:00:00 stopped after 0:25  seed=2",
    ]
    assert display.SECONDS_BETWEEN_LINES == 60
