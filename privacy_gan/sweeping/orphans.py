"""Processes that end when those that need them have ended, for whatever reason."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

SECONDS_BETWEEN_LOOKS = 0.2


def die_when(needless: Callable[[], bool | None]) -> None:
    """Kill this process as soon as it is needless; look no more once that cannot be told.

    A process that is killed cannot stop those it started, and one of several that train together
    would wait half an hour for the others.

    Args:
        needless: whether it is; None where it never will be again.
    """

    def watch() -> None:
        while not (answer := needless()):
            if answer is None:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-when-needless", daemon=True).start()


def die_with(parent: int) -> None:
    """Kill this process as soon as its parent has ended."""
    die_when(lambda: os.getppid() != parent)
