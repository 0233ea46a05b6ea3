"""Heartbeat files, which report a run's progress, and stop signals for all processes of a sweep.

Each run has one heartbeat file, which it replaces. Stop signals are the lines of another file. Both
are in a temporary folder that exists as long as the sweep, and that its processes find in their
environment.
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
from privacy_gan.runs.fingerprint import short_hash

# environment variables: the folder, and the PID of the sweep's main process if it runs on the same
# machine as its runs
FOLDER, SWEEP_PID = "PRIVACY_GAN_SWEEP", "PRIVACY_GAN_SWEEP_OWNER"
SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_SHARED_REPORTS = 10  # on a file system that many machines share
FORWARDED_SIGNALS = (signal.SIGINT, *STOP_SIGNALS)
MAX_GRACEFUL_SIGNALS = 2  # forwarded unchanged; the next one kills the runs


@dataclass(frozen=True)
class Heartbeat:
    """The progress of a run.

    Attributes:
        activity: what the run is doing; empty once it has ended.
        fraction: of the activity that is done, from 0 to 1.
        seconds_remaining: until the activity is done; None if unknown.
        warnings: all warnings of the run.
    """

    activity: str
    fraction: float = 0.0
    seconds_remaining: float | None = None
    warnings: list[str] = field(default_factory=list)


class Heartbeats:
    """The heartbeats of a sweep's runs, and the signals that ask all of them to stop.

    Args:
        folder: folder of the files.
        is_remote: whether the sweep's main process is on another machine. Then a run does not read
            stop signals, because the cluster delivers them, and does not end with the sweep.
    """

    def __init__(self, folder: Path, is_remote: bool = False) -> None:
        self.folder = folder
        self.is_remote = is_remote

    def write(self, run: Path, heartbeat: Heartbeat) -> None:
        """Replace the heartbeat of the run in a folder.

        Errors are ignored: no run fails because /tmp is full or was cleaned.
        """
        with suppress(OSError):
            self._replace(run, heartbeat)

    def read(self, run: Path) -> Heartbeat | None:
        """Return the heartbeat of a run; None if it has not started."""
        try:
            return Heartbeat(**json.loads(self._path(run).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def end(self, run: Path) -> None:
        """Mark a run as ended, and keep its warnings, which may not have been read yet."""
        last = self.read(run)
        try:
            self._replace(run, Heartbeat("", warnings=last.warnings if last else []))
        except OSError:
            self._path(run).unlink(missing_ok=True)

    def request_stop(self, signum: int) -> None:
        """Forward a signal to all active runs, and keep other runs from starting."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "stop").open("a", encoding="utf-8") as file:
            file.write(f"{signum}\n")

    def stop_signals(self) -> list[int]:
        """Return the signals that were forwarded so far."""
        if self.is_remote:
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
def create_heartbeats(shared: Path | None = None) -> Iterator[Heartbeats]:
    """Create a sweep's folder, which processes started within the block find.

    Args:
        shared: a folder that all machines of the sweep see; None if the sweep uses only this
            machine.
    """
    if shared is None:
        folder = TemporaryDirectory(prefix="privacy_gan-sweep-")
        variables = {FOLDER: folder.name, SWEEP_PID: str(os.getpid())}
    else:
        shared.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=".sweep-", dir=shared.resolve())
        variables = {FOLDER: folder.name}
    os.environ |= variables
    with folder:
        try:
            yield Heartbeats(Path(folder.name))
        finally:
            for name in variables:
                del os.environ[name]


def sweep_pid() -> int | None:
    """Return the PID of the sweep's main process; None without a sweep or on another machine."""
    return int(os.environ[SWEEP_PID]) if SWEEP_PID in os.environ else None


def is_in_sweep() -> bool:
    """Return whether a sweep started this process, even if the sweep has ended since."""
    return FOLDER in os.environ


def current_heartbeats() -> Heartbeats | None:
    """Return the heartbeats of this process's sweep; None without one or after it has ended."""
    folder = Path(os.environ.get(FOLDER) or "/nowhere")
    return Heartbeats(folder, is_remote=SWEEP_PID not in os.environ) if folder.is_dir() else None


class HeartbeatReporter(logging.Handler):
    """Writes a run's heartbeat from its progress reports and its warnings.

    Args:
        heartbeats: the sweep's heartbeats.
        run: the run's folder.
    """

    def __init__(self, heartbeats: Heartbeats, run: Path) -> None:
        super().__init__(logging.WARNING)
        self.heartbeats = heartbeats
        self.run = run
        self.last = Heartbeat("starting")
        self.write_lock = threading.RLock()  # a library's thread may warn
        self.reported_at = float("-inf")
        self.min_seconds = SECONDS_BETWEEN_REPORTS
        if heartbeats.is_remote:
            self.min_seconds = SECONDS_BETWEEN_SHARED_REPORTS

    def __call__(self, activity: str, done: int, total: int) -> None:
        """Report progress, see ``privacy_gan.progress``; reports in quick succession are skipped.

        The time left is extrapolated from what this process has done.
        """
        now = time.monotonic()
        if activity != self.last.activity:  # what was done before a resume says nothing of the rate
            self.started_at, self.done_at_start = now, done
        elif now - self.reported_at < self.min_seconds and done < total:
            return
        self.reported_at = now
        seconds = None
        if done > self.done_at_start:
            seconds = (now - self.started_at) * (total - done) / (done - self.done_at_start)
        fraction = done / total if total else 0.0
        self._write(activity=activity, fraction=fraction, seconds_remaining=seconds)

    def emit(self, record: logging.LogRecord) -> None:
        """Add a warning, which is also in the run's output."""
        with self.write_lock:
            message = " ".join(record.getMessage().split())
            self._write(warnings=[*self.last.warnings, message])

    def _write(self, **changes: Any) -> None:
        with self.write_lock:
            self.last = replace(self.last, **changes)
            self.heartbeats.write(self.run, self.last)


@contextmanager
def forward_stop_signals(heartbeats: Heartbeats) -> Iterator[None]:
    """Forward stop signals to a sweep's runs within the block, instead of ending this process.

    The signals are blocked within, also in all processes that are started there. Otherwise Ctrl-C,
    which a terminal sends to all of them, would end an idle process of the launcher, and the
    launcher would then kill the others before they have saved their state.
    """

    def forward(signum: int, frame: FrameType | None = None) -> None:
        del frame
        count = len(heartbeats.stop_signals())
        heartbeats.request_stop(signum if count < MAX_GRACEFUL_SIGNALS else signal.SIGKILL)

    def watch() -> None:
        while (signum := signal.sigwait(FORWARDED_SIGNALS)) and not done.is_set():
            forward(signum)

    resource_tracker.ensure_running()  # before the block: launchers start it and unblock signals
    # a library's older thread may receive a signal, not only the watcher
    handlers = {signum: signal.signal(signum, forward) for signum in FORWARDED_SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED_SIGNALS)
    done = threading.Event()
    watcher = threading.Thread(target=watch, name="forward-stop-signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        signal.pthread_kill(watcher.ident or 0, signal.SIGUSR1)  # wakes it up
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def unblock_signals() -> None:
    """Unblock the stop signals in a process that was started while they were blocked."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED_SIGNALS)
