"""Signals that ask to stop, obeyed when the step at hand is done."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from privacy_gan.errors import STOP_SIGNALS


class StopRequests:
    """Remembers a signal (Ctrl-C, or those that clusters send) instead of being ended by it.

    A second Ctrl-C is not waited with. Only the main thread hears signals.

    Attributes:
        received: the last signal, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous_handlers: dict[int, Any] = {}

    def listen(self) -> None:
        """Remember signals from now on."""
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, *STOP_SIGNALS):
                self._previous_handlers[signum] = signal.signal(signum, self._remember)

    def give_back(self) -> None:
        """Let signals do what they did before."""
        while self._previous_handlers:
            signal.signal(*self._previous_handlers.popitem())

    def __enter__(self) -> StopRequests:
        """Remember signals within."""
        self.listen()
        return self

    def __exit__(self, *error: object) -> None:
        """Let signals do what they did before."""
        self.give_back()

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if self.received == signal.SIGINT == signum:
            raise KeyboardInterrupt
        self.received = signum
