"""Errors that are reported in one line and without a traceback."""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence

# Signals that ask a command to stop, beside Ctrl-C; clusters choose among these.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

# What the system says when a disk, or a user's share of it, is full.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether memory that ran out, of the machine or of a GPU, led to an error.

    Libraries raise what they like then, often after a MemoryError of their own.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        is_named_so = type(error).__name__ in ("MemoryError", "OutOfMemoryError")
        if is_named_so or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


class UserError(Exception):
    """An error that a user can fix: what is wrong, where, and what to do, in one line."""


class Mistakes(UserError):
    """Several errors that a user can fix, each said once.

    Args:
        errors: that were found, alike ones among them.
    """

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__(*errors)
        self.errors = list({str(error): error for error in errors}.values())


class FolderTaken(UserError):
    """Another process is at work in a folder."""


class Interrupted(BaseException):
    """A signal ended the command; its state is saved as far as possible.

    Like KeyboardInterrupt it is no Exception: a sweep must not take it for one run's failure and
    start the next.

    Args:
        signum: the signal.
        message: where the run stands and how it goes on.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(signum, message)  # all arguments, so that it can travel between processes
        self.message = message
        self.exit_code = 128 + signum  # as a shell reports it

    def __str__(self) -> str:
        """Return the message alone."""
        return self.message


class RunFailed(Exception):
    """A run in a process of its own ended without a result, and has shown why.

    Args:
        reason: why.
        exit_code: the process's, as a shell reports it.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason, exit_code)
        self.reason = reason
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the reason alone."""
        return self.reason


class RunStopped(RunFailed):
    """A run of a sweep ended, or was not begun, because the sweep was asked to stop."""


class RunTaken(RunFailed):
    """Another process is at work on a run."""
