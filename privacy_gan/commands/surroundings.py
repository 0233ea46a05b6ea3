"""What a command's process does not take over from where it was started."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def settle_surroundings() -> None:
    """Draw without a display, and print what a terminal cannot show as escapes.

    A notebook's MPLBACKEND names a module that need not be there, and matplotlib, which libraries
    load, stops at it. Processes that this one starts inherit the change.
    """
    os.environ["MPLBACKEND"] = "Agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # a file that has become a pipe since Python began
                stream.reconfigure(errors="backslashreplace")
