"""Starts Python processes at once, as forks of a server that has imported all libraries.

Importing torch, Lightning, torchvision and Hydra takes seven seconds of CPU time. The server
imports them once, and each process is a fork of it. The process that requested the fork is its
parent, so that waiting, signals, exit codes and process groups work as for any other process. A
fork starts its own subprocesses with its own server, and so the processes of multiprocessing and
joblib. Except for this, ``Popen`` is ``subprocess.Popen``. It starts Python as usual on systems
other than Linux, and for command lines that a fork cannot run.

Unlike fresh processes, forks share the seed of string hashes, and have all modules imported.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing.util
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
IS_SUPPORTED = sys.platform == "linux" and SYS_CLONE is not None
SERVER = Path(__file__).with_name("fork_server.py")
LENGTH, REPLY = struct.Struct("!I"), struct.Struct("!ii")  # of a request; PID and errno

# environment of the servers, taken at import because tests change theirs
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

execute_child = subprocess.Popen._execute_child
spawn_python = multiprocessing.util.spawnv_passfds
_connection: socket.socket | None = None  # to this process's server
_lock = threading.RLock()


@dataclass(frozen=True)
class Request:
    """A request for a process.

    Attributes:
        arguments: the arguments after the interpreter.
        cwd: working directory.
        environment: environment variables.
        new_session: whether the process starts a session.
        blocked: numbers of the blocked signals.
        kept: file descriptors that keep their numbers, besides the three streams.
    """

    arguments: Sequence[str]
    cwd: str
    environment: Mapping[str, str]
    new_session: bool
    blocked: Sequence[int]
    kept: Sequence[int] = ()


class Popen(subprocess.Popen):
    """Like ``subprocess.Popen``, but a Python process has already imported all libraries."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        given = inspect.signature(execute_child).bind(self, args, *others).arguments
        if not is_forkable(given):
            execute_child(self, args, *others)
            return
        streams = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        request = Request(
            [os.fsdecode(argument) for argument in given["args"][1:]],
            os.path.abspath(os.fsdecode(given["cwd"] or ".")),  # noqa: PTH100 - keeps links
            dict(os.environ if given["env"] is None else given["env"]),
            given["start_new_session"],
            blocked_signals(),
        )
        self.pid = request_process(request, [n if fd == -1 else fd for n, fd in enumerate(streams)])
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))


def is_forkable(given: Mapping[str, Any]) -> bool:
    """Return whether a fork can run what ``subprocess.Popen`` was given."""
    command = given["args"]
    defaults = {"uid": None, "gid": None, "gids": None, "umask": -1, "process_group": -1}
    return (
        IS_SUPPORTED
        and not isinstance(command, str | bytes | os.PathLike)
        and command[0] == sys.executable
        and len(command) > 1
        and is_runnable(command[1 + (command[1] == "-u") :])
        and not any(given[name] for name in ("shell", "preexec_fn", "pass_fds", "executable"))
        and all(given.get(name, value) == value for name, value in defaults.items())
        and given["close_fds"]
    )


def is_runnable(arguments: Sequence[Any]) -> bool:
    """Return whether a fork can run what Python would run with these arguments."""
    return len(arguments) > 0 and (
        arguments[0] in ("-m", "-c") or os.fspath(arguments[0]).endswith(".py")
    )


def blocked_signals() -> list[int]:
    """Return the numbers of the signals that this thread blocks."""
    return [int(signum) for signum in signal.pthread_sigmask(signal.SIG_BLOCK, [])]


def start_worker(
    command: Sequence[str], kept: Iterable[int], env: Mapping[str, str] | None = None
) -> int:
    """Start a worker of joblib, as its ``fork_exec`` does; return its PID.

    Args:
        command: its command line, with ``sys.executable`` first.
        kept: file descriptors that the worker keeps, with their numbers.
        env: environment variables that differ from this process's.
    """
    variables = {**os.environ, **(env or {})}
    request = Request(command[1:], str(Path.cwd()), variables, False, blocked_signals(), [*kept])
    return request_process(request, [0, 1, 2, *request.kept])


def spawn_process(path: bytes, command: Sequence[str], kept: Sequence[int]) -> int:
    """Start a process of ``multiprocessing``, as its ``spawnv_passfds`` does; return its PID."""
    code = command.index("-c")  # after options, which are those of this process
    if "spawn_main" not in command[code + 1]:  # its resource tracker, which imports no library
        return spawn_python(path, command, kept)
    return start_worker([command[0], *command[code:]], kept)


def request_process(request: Request, streams: Sequence[int]) -> int:
    """Request a process, and return its PID.

    Args:
        request: the process.
        streams: file descriptors of its stdin, stdout and stderr, and of those that it keeps.

    Raises:
        OSError: its working directory does not exist, or fork failed.
        EOFError: the server has ended.
    """
    global _connection
    content = json.dumps(vars(request)).encode()
    with _lock:
        connection = connect()
        try:
            socket.send_fds(connection, [LENGTH.pack(len(content))], streams)
            connection.sendall(content)
            pid, error = REPLY.unpack(receive(connection, REPLY.size))
        except (OSError, EOFError):
            _connection = None  # the next request starts another server
            raise
    if error:
        if pid:
            os.waitpid(pid, 0)
        raise OSError(error, os.strerror(error), request.cwd)
    return pid


def connect() -> socket.socket:
    """Return the connection to this process's server, and start the server on first use."""
    global _connection
    if _connection is None:
        _connection, server_end = socket.socketpair()
        command = [sys.executable, str(SERVER), str(server_end.fileno())]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, pass_fds=[server_end.fileno()]
        )
        process.returncode = 0  # not waited for: it ends with this process
        server_end.close()
    return _connection


def set_connection(connection: socket.socket) -> None:
    """Set the connection to this process's server, which its parent started."""
    global _connection
    _connection = connection


def close_connection() -> None:
    """Close a fork's copy of the connection: the server's forks would not be its children."""
    global _connection
    if _connection is not None:
        _connection.close()
        _connection = None


os.register_at_fork(after_in_child=close_connection)


def receive(connection: socket.socket, size: int) -> bytes:
    """Return exactly ``size`` bytes.

    Raises:
        EOFError: the other process has ended.
    """
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise EOFError("the fork server has ended")
        content += part
    return content
