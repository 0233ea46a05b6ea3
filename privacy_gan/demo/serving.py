"""A web server for this machine alone."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from privacy_gan.errors import UserError

LOCAL = "127.0.0.1"


@contextmanager
def server_of(app: Flask, port: int) -> Iterator[BaseWSGIServer]:
    """Yield a server that listens on a port of this machine, for programs of this machine.

    Args:
        app: what it serves, once told to.
        port: 0 takes one that is free.

    Raises:
        UserError: the port cannot be used.
    """
    try:
        listening = socket.create_server((LOCAL, port))
    except (OSError, OverflowError, TypeError) as error:
        reason = "there is no such port"
        if isinstance(error, OSError) and error.errno:
            reason = os.strerror(error.errno)
        raise UserError(
            f"port={port} cannot be used ({reason}): choose another; port=0 takes one that is free"
        ) from error
    with listening:
        server = make_server(LOCAL, port, app, threaded=True, fd=listening.fileno())
        try:
            yield server
        finally:
            server.server_close()


def open_browser(address: str) -> None:
    """Show a page to whoever sits at this machine, if anybody does."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
