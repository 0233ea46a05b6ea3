"""Ends of a run that need one line and no traceback."""

from __future__ import annotations


class UserError(Exception):
    """A mistake that a user can mend: what is wrong, where, and what to do, in one line."""


class Interrupted(Exception):
    """A signal ended the command, whose state is saved as far as it can be.

    Args:
        signum: the signal.
        message: where the run stands and how it goes on.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum  # as a shell reports it


class RunFailed(Exception):
    """A run in a process of its own ended without a result, and has shown why.

    Args:
        reason: why.
        exit_code: the process's, as a shell reports it.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
