"""Exceptions that are reported in one line, without a traceback."""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence

# Signals other than Ctrl-C that ask a command to stop; clusters use one of these.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

# Error numbers of a full disk and of an exceeded quota.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether the machine or a GPU running out of memory caused an error.

    Libraries raise various exceptions in that case, often while they handle a MemoryError.
    """
    visited: set[int] = set()
    while error is not None and id(error) not in visited:
        visited.add(id(error))
        is_memory_error = type(error).__name__ in ("MemoryError", "OutOfMemoryError")
        if is_memory_error or "allocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


class UserError(Exception):
    """An error that the user can fix; its message is one line: what is wrong, where, what to do."""


class UserErrors(UserError):
    """Several errors that the user can fix.

    Args:
        errors: those found; errors with the same message are reported once.
    """

    def __init__(self, errors: Sequence[Exception]) -> None:
        super().__init__(*errors)
        self.errors = list({str(error): error for error in errors}.values())


class FolderLocked(UserError):
    """Another process has locked a folder."""


class Interrupted(BaseException):
    """A signal ended the command, which saved its state as far as possible.

    Like KeyboardInterrupt it is not an Exception: a sweep must not treat it as the failure of one
    run and start the next.

    Args:
        signum: the signal.
        message: how far the run got and how to resume it.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(signum, message)  # all arguments, so that it can be pickled
        self.message = message
        self.exit_code = 128 + signum  # as a shell reports it

    def __str__(self) -> str:
        return self.message


class RunFailed(Exception):
    """A run in a subprocess ended without a result and has already reported why.

    Args:
        reason: cause of the failure.
        exit_code: exit code of the subprocess, as a shell reports it.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason, exit_code)
        self.reason = reason
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.reason


class RunStopped(RunFailed):
    """A run of a sweep was stopped, or not started, because the sweep was asked to stop."""


class RunLocked(RunFailed):
    """Another process has locked a run."""
