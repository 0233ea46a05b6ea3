"""A signal ends all runs of a sweep in good order, whichever processes they are in."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

from privacy_gan.errors import STOP_SIGNALS
from privacy_gan.sweeping.notes import Notes

SIGNALS = (signal.SIGINT, *STOP_SIGNALS)
PATIENCE = 2  # signals that are passed on as they are; after these, runs are killed


@contextmanager
def stopping_runs(notes: Notes) -> Iterator[None]:
    """Pass signals that ask to stop on to the runs of a sweep, and wait for these.

    Signals are blocked within, and so they are in all processes that are started here. Otherwise
    Ctrl-C, which a terminal sends to all of them, would end a launcher's idle process, for which
    the launcher would kill the others before their state is saved.
    """

    def pass_on(signum: int, frame: FrameType | None = None) -> None:
        del frame
        asked = len(notes.stops())
        notes.ask_to_stop(signum if asked < PATIENCE else signal.SIGKILL)

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
