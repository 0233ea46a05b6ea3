"""What a sweep's processes tell each other: how far each run is, and signals that ask to stop.

Each run has one file, its heartbeat, which is replaced as it goes on; signals are lines of another.
The folder of both lasts as long as the sweep, whose processes find it in their environment.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from privacy_gan.errors import STOP_SIGNALS
from privacy_gan.runs.identity import short_hash

# the folder, and the sweep's own process where it is on the machine of its runs
FOLDER, OWNER = "PRIVACY_GAN_SWEEP", "PRIVACY_GAN_SWEEP_OWNER"
SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_SHARED = 10  # reports to a file system that many machines share
SIGNALS = (signal.SIGINT, *STOP_SIGNALS)
PATIENCE = 2  # signals that are passed on as they are; after these, runs are killed


@dataclass(frozen=True)
class Heartbeat:
    """How far a run is.

    Attributes:
        what: it is doing; empty once it has ended.
        done: share of that, from 0 to 1.
        seconds_left: until that is done, None where there is nothing to judge by.
        warnings: all that it warned of.
    """

    what: str
    done: float = 0.0
    seconds_left: float | None = None
    warnings: list[str] = field(default_factory=list)


class Heartbeats:
    """The heartbeats of a sweep's runs, and signals that ask all of them to stop.

    Args:
        folder: where they are.
        elsewhere: whether the sweep's own process is on another machine. Then it is not asked for
            signals, which reach a cluster's job by the cluster, nor does a run depend on its life.
    """

    def __init__(self, folder: Path, elsewhere: bool = False) -> None:
        self.folder = folder
        self.elsewhere = elsewhere

    def write(self, run: Path, heartbeat: Heartbeat) -> None:
        """Replace the heartbeat of a run, known by its folder.

        No run fails because it cannot be written, in a full /tmp or one that was tidied up.
        """
        with suppress(OSError):
            self._replace(run, heartbeat)

    def read(self, run: Path) -> Heartbeat | None:
        """Return the heartbeat of a run; None where it was not begun."""
        try:
            return Heartbeat(**json.loads(self._path(run).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def end(self, run: Path) -> None:
        """Note that a run has ended; what it warned of may not have been read yet."""
        last = self.read(run)
        try:
            self._replace(run, Heartbeat("", warnings=last.warnings if last else []))
        except OSError:
            self._path(run).unlink(missing_ok=True)

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
            lines = (self.folder / "stop").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [int(line) for line in lines]

    def _replace(self, run: Path, heartbeat: Heartbeat) -> None:
        path = self._path(run)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(asdict(heartbeat)), encoding="utf-8")
        partial.replace(path)

    def _path(self, run: Path) -> Path:
        return self.folder / f"{short_hash(str(run))}.json"


@contextmanager
def new_heartbeats(shared: Path | None = None) -> Iterator[Heartbeats]:
    """Make the folder of a sweep, which the processes started within find.

    Args:
        shared: a folder that is seen on all machines which these processes will be on; None for
            this machine alone.
    """
    if shared is None:
        folder = TemporaryDirectory(prefix="privacy_gan-sweep-")
        told = {FOLDER: folder.name, OWNER: str(os.getpid())}
    else:
        shared.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=".sweep-", dir=shared.resolve())
        told = {FOLDER: folder.name}
    os.environ |= told
    with folder:
        try:
            yield Heartbeats(Path(folder.name))
        finally:
            for name in told:
                del os.environ[name]


def owner() -> int | None:
    """Return the number of the sweep's own process; None outside of one and on other machines."""
    return int(os.environ[OWNER]) if OWNER in os.environ else None


def began_in_sweep() -> bool:
    """Tell whether a sweep of this package started this process, even if it has ended since."""
    return FOLDER in os.environ


def current_heartbeats() -> Heartbeats | None:
    """Return the heartbeats of the sweep that this process is part of, as long as it goes on."""
    folder = Path(os.environ.get(FOLDER) or "/nowhere")
    return Heartbeats(folder, elsewhere=OWNER not in os.environ) if folder.is_dir() else None


class Reporter(logging.Handler):
    """Writes a run's heartbeat: listens to its progress and to what it warns of.

    Args:
        heartbeats: of the sweep.
        run: its folder.
    """

    def __init__(self, heartbeats: Heartbeats, run: Path) -> None:
        super().__init__(logging.WARNING)
        self.heartbeats = heartbeats
        self.run = run
        self.last = Heartbeat("starting")
        self.writing = threading.RLock()  # a library's thread may warn
        self.reported_at = float("-inf")
        self.pause = SECONDS_BETWEEN_SHARED if heartbeats.elsewhere else SECONDS_BETWEEN_REPORTS

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take a report, see ``privacy_gan.progress``, not more often than somebody could read it.

        Time left is as for what is done so far.
        """
        now = time.monotonic()
        if what != self.last.what:  # what a resumed run had done before tells nothing of its speed
            self.began_at, self.begun_with = now, done
        elif now - self.reported_at < self.pause and done < total:
            return
        self.reported_at = now
        left = None
        if done > self.begun_with:
            left = (now - self.began_at) * (total - done) / (done - self.begun_with)
        self._write(what=what, done=done / total if total else 0.0, seconds_left=left)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a warning, which also stands in the run's output."""
        with self.writing:
            message = " ".join(record.getMessage().split())
            self._write(warnings=[*self.last.warnings, message])

    def _write(self, **changes: Any) -> None:
        with self.writing:
            self.last = replace(self.last, **changes)
            self.heartbeats.write(self.run, self.last)


@contextmanager
def stopping_runs(heartbeats: Heartbeats) -> Iterator[None]:
    """Pass signals that ask to stop on to the runs of a sweep, and wait for these.

    Signals are blocked within, and so they are in all processes that are started here. Otherwise
    Ctrl-C, which a terminal sends to all of them, would end a launcher's idle process, for which
    the launcher would kill the others before their state is saved.
    """

    def pass_on(signum: int, frame: FrameType | None = None) -> None:
        del frame
        asked = len(heartbeats.stops())
        heartbeats.ask_to_stop(signum if asked < PATIENCE else signal.SIGKILL)

    def watch() -> None:
        while (signum := signal.sigwait(SIGNALS)) and not over.is_set():
            pass_on(signum)

    resource_tracker.ensure_running()  # which launchers start, too, and then unblocks signals
    # a library's thread that was started before may take a signal as well as the watcher
    handlers = {signum: signal.signal(signum, pass_on) for signum in SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    over = threading.Event()
    watcher = threading.Thread(target=watch, name="stop-runs", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.pthread_kill(watcher.ident or 0, signal.SIGUSR1)  # wakes it up
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def accept_signals() -> None:
    """Let signals through in a process that was started while they were blocked."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
