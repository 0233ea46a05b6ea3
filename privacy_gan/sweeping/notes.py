"""What the processes of a sweep tell each other, in files of a folder that lasts as long as it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from privacy_gan.runs.identity import short_hash
from privacy_gan.sweeping.orphans import die_when

# a launcher's processes find the folder, and who made it, in their environment
FOLDER, OWNER = "PRIVACY_GAN_SWEEP", "PRIVACY_GAN_SWEEP_OWNER"
SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_SHARED = 10  # reports to a file system that many machines share


@dataclass(frozen=True)
class Note:
    """How far a run came.

    Attributes:
        what: it is doing.
        done: share of that, from 0 to 1.
        seconds_left: until that is done, None where there is nothing to judge by.
    """

    what: str
    done: float = 0.0
    seconds_left: float | None = None


class Notes:
    """The folder: a note for each run that is at work, and signals that ask all runs to stop.

    Args:
        folder: where the notes are.
        elsewhere: whether the sweep's own process is on another machine. Then it is not asked for
            signals, which reach a cluster's job by the cluster, nor does a run depend on its life.
    """

    def __init__(self, folder: Path, elsewhere: bool = False) -> None:
        self.folder = folder
        self.elsewhere = elsewhere

    def write(self, run: Path, note: Note) -> None:
        """Replace the note on a run, known by its folder.

        No run fails because a note cannot be written, in a full /tmp or one that was tidied up.
        """
        path = self._path(run)
        partial = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            partial.write_text(json.dumps(asdict(note)), encoding="utf-8")
            partial.replace(path)

    def read(self, run: Path) -> Note | None:
        """Return the note on a run; None where it is not at work."""
        try:
            return Note(**json.loads(self._path(run).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def remove(self, run: Path) -> None:
        """Take away the note on a run, which is not at work any more."""
        self._path(run).unlink(missing_ok=True)

    def tell(self, run: Path, message: str) -> None:
        """Have something said to whoever looks at the sweep."""
        with (
            suppress(OSError),
            self._path(run).with_suffix(".told").open("a", encoding="utf-8") as file,
        ):
            file.write(" ".join(message.split()) + "\n")

    def told(self, run: Path) -> list[str]:
        """Return all that was said of a run."""
        try:
            return self._path(run).with_suffix(".told").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def ask_to_stop(self, signum: int) -> None:
        """Pass a signal on to all runs that are at work, and keep others from being started."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "stop").open("a", encoding="utf-8") as file:
            file.write(f"{signum}\n")

    def stops(self) -> list[int]:
        """Return the signals that were passed on."""
        if self.elsewhere:
            return []
        try:
            return [
                int(line)
                for line in (self.folder / "stop").read_text(encoding="utf-8").splitlines()
            ]
        except FileNotFoundError:
            return []

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the sweep's own process within, which the others' lives depend on."""
        with (self.folder / "main").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back however the process ends
            os.environ |= {FOLDER: str(self.folder), OWNER: str(os.getpid())}
            try:
                yield
            finally:
                del os.environ[FOLDER], os.environ[OWNER]

    def is_orphaned(self) -> bool | None:
        """Tell whether the sweep's own process was killed; None where it ended in good order."""
        try:
            with (self.folder / "main").open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        except BlockingIOError:
            return False
        except FileNotFoundError:
            return None

    def _path(self, run: Path) -> Path:
        return self.folder / f"{short_hash(str(run))}.json"


@contextmanager
def noting(shared: Path | None = None) -> Iterator[Notes]:
    """Make a folder for the notes of a sweep, which the processes started within find.

    Args:
        shared: a folder that is seen on all machines which these processes will be on; None for
            this machine alone.
    """
    if shared is None:
        with TemporaryDirectory(prefix="privacy_gan-sweep-") as folder:
            notes = Notes(Path(folder))
            with notes.owned():
                yield notes
        return
    shared.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".sweep-", dir=shared.resolve()) as folder:
        os.environ[FOLDER] = folder
        try:
            yield Notes(Path(folder))
        finally:
            del os.environ[FOLDER]


def is_owner() -> bool:
    """Tell whether this is a sweep's own process, not one that a launcher started for it."""
    return os.environ.get(OWNER) == str(os.getpid())


def notes_of_sweep() -> Notes | None:
    """Return the notes of the sweep that this process belongs to, as long as it goes on."""
    folder = Path(os.environ.get(FOLDER) or "/nowhere")
    return Notes(folder, elsewhere=OWNER not in os.environ) if folder.is_dir() else None


def began_in_sweep() -> bool:
    """Tell whether a sweep of this package started this process, even if it has ended since."""
    return FOLDER in os.environ


@cache
def die_with_sweep() -> None:
    """Kill this process, if a launcher started it, as soon as the sweep's own was killed."""
    notes = notes_of_sweep()
    if notes is not None and not notes.elsewhere and not is_owner():
        die_when(notes.is_orphaned)


class Teller(logging.Handler):
    """Tells whoever looks at the sweep what a run warns of, which also stands in its output.

    Args:
        notes: of the sweep.
        run: its folder.
    """

    def __init__(self, notes: Notes, run: Path) -> None:
        super().__init__(logging.WARNING)
        self.notes = notes
        self.run = run

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one warning."""
        self.notes.tell(self.run, record.getMessage())


class Reporter:
    """Listens to a run's progress and notes it, not more often than somebody could read it.

    Args:
        notes: of the sweep.
        run: its folder.
    """

    def __init__(self, notes: Notes, run: Path) -> None:
        self.notes = notes
        self.run = run
        self.what = ""
        self.reported_at = float("-inf")
        self.pause = SECONDS_BETWEEN_SHARED if notes.elsewhere else SECONDS_BETWEEN_REPORTS

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take a report, see ``privacy_gan.progress``; time left is as for what is done so far."""
        now = time.monotonic()
        if what != self.what:  # what a resumed run had done before says nothing about its speed
            self.what, self.began_at, self.begun_with = what, now, done
        elif now - self.reported_at < self.pause and done < total:
            return
        self.reported_at = now
        left = None
        if done > self.begun_with:
            left = (now - self.began_at) * (total - done) / (done - self.begun_with)
        self.notes.write(self.run, Note(what, done / total if total else 0.0, left))
