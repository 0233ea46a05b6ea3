"""Deferred handling of stop signals: a command finishes its current step before it stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from privacy_gan.errors import STOP_SIGNALS


class StopRequests:
    """Records a stop signal (Ctrl-C, or one sent by a cluster) instead of ending the process.

    A second Ctrl-C raises KeyboardInterrupt at once. Outside the main thread, which alone can
    handle signals, it does nothing.

    Attributes:
        received: the last signal received, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous_handlers: dict[int, Any] = {}

    def listen(self) -> None:
        """Install the signal handlers."""
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, *STOP_SIGNALS):
                self._previous_handlers[signum] = signal.signal(signum, self._record)

    def restore(self) -> None:
        """Restore the previous signal handlers."""
        while self._previous_handlers:
            signal.signal(*self._previous_handlers.popitem())

    def __enter__(self) -> StopRequests:
        self.listen()
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()

    def _record(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if self.received == signal.SIGINT == signum:
            raise KeyboardInterrupt
        self.received = signum
