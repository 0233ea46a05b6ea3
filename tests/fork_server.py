"""Starts Python processes at once, as forks of a server that has imported all libraries.

Importing torch, Lightning, torchvision and Hydra takes seven seconds of CPU time. The server
imports them once, and each process is a fork of it. The process that requested the fork is its
parent, so that waiting, signals, exit codes and process groups work as for any other process. A
fork starts its own subprocesses with its own server. Except for this, ``Popen`` is
``subprocess.Popen``. It starts Python as usual on systems other than Linux, and for command lines
that a fork cannot run.

Unlike fresh processes, forks share the seed of string hashes, and have all modules imported.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import inspect
import json
import os
import pkgutil
import platform
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

CLONE_PARENT = 0x8000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
IS_SUPPORTED = sys.platform == "linux" and SYS_CLONE is not None
LENGTH, REPLY = struct.Struct("!I"), struct.Struct("!ii")  # of a request; PID and errno

# environment of the servers, taken at import because tests change theirs
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

execute_child = subprocess.Popen._execute_child
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
    """

    arguments: Sequence[str]
    cwd: str
    environment: Mapping[str, str]
    new_session: bool
    blocked: Sequence[int]


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
            [int(signum) for signum in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
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
        and (command[1] in ("-m", "-c") or os.fspath(command[1]).endswith(".py"))
        and not any(given[name] for name in ("shell", "preexec_fn", "pass_fds", "executable"))
        and all(given.get(name, value) == value for name, value in defaults.items())
        and given["close_fds"]
    )


def request_process(request: Request, streams: Sequence[int]) -> int:
    """Request a process, and return its PID.

    Args:
        request: the process.
        streams: file descriptors of its stdin, stdout and stderr.

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
        command = [sys.executable, __file__, str(server_end.fileno())]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, pass_fds=[server_end.fileno()]
        )
        process.returncode = 0  # not waited for: it ends with this process
        server_end.close()
    return _connection


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


def main() -> None:
    """Run the server; in each fork, run the request."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    from_environment = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    base_path = [path for path in sys.path[1:] if path not in from_environment]
    ignore_stop_signals()
    import_all()
    request = serve(connection)
    exit_process(exit_code(lambda: run_request(request, base_path)))


def ignore_stop_signals() -> None:
    """Ignore stop signals, which are sent to the whole process group of this server."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def import_all() -> None:
    """Import the libraries and all modules of this package."""
    from hydra.core.plugins import Plugins

    import privacy_gan

    for module in pkgutil.walk_packages(privacy_gan.__path__, "privacy_gan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    Plugins.instance()
    gc.collect()
    gc.freeze()  # keeps the collector from writing to, and so copying, the shared memory
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a library started a thread on import, but threads cannot be forked")


def serve(connection: socket.socket) -> Request:
    """Fork a process for each request, and return in these only, each with its own server."""
    global _connection
    while True:
        request = fork_requests(connection)
        client_end, server_end = socket.socketpair()
        connection.close()
        if os.fork():
            server_end.close()
            _connection = client_end
            return request
        ignore_stop_signals()
        client_end.close()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os.close(null)
        connection = server_end


def fork_requests(connection: socket.socket) -> Request:
    """Fork a process for each request until the client ends; return in each of the processes."""
    while True:
        size, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        if not size:
            os._exit(0)
        request = Request(**json.loads(receive(connection, *LENGTH.unpack(size))))
        try:
            is_fork = fork_sibling()
        except OSError as error:
            connection.sendall(REPLY.pack(0, error.errno))
            is_fork = False
        if is_fork:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:
            os.close(stream)
        if is_fork:
            enter_session(request, connection)
            return request


def enter_session(request: Request, connection: socket.socket) -> None:
    """Set session, working directory and signal handlers as requested, and reply to the client."""
    try:
        if request.new_session:
            os.setsid()
        os.chdir(request.cwd)
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
    except OSError as error:
        connection.sendall(REPLY.pack(os.getpid(), error.errno))
        os._exit(127)
    connection.sendall(REPLY.pack(os.getpid(), 0))


def fork_sibling() -> bool:
    """Fork a process whose parent is this process's parent, the client, which waits for it.

    Returns:
        Whether this is the new process.

    Raises:
        OSError: fork failed.
    """
    libc = ctypes.PyDLL(None, use_errno=True)
    ctypes.pythonapi.PyOS_BeforeFork()
    process = libc.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if process == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return True
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if process < 0:
        raise OSError(ctypes.get_errno(), "fork failed")
    return False


def run_request(request: Request, base_path: Sequence[str]) -> None:
    """Run in this process what ``python`` would run with the request's arguments.

    Args:
        request: the request.
        base_path: Python's own entries of ``sys.path``.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, request.blocked)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None
    subprocess.Popen = Popen
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    reinitialize_libraries()
    given = filter(None, request.environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *given, *base_path]
    run_python(*request.arguments)


def reinitialize_libraries() -> None:
    """Repeat what libraries do on import and what depends on the environment or on chance."""
    import numpy as np
    import torch
    from lightning_fabric.utilities.rank_zero import _get_rank, rank_zero_only

    np.random.seed()
    torch.seed()
    rank_zero_only.rank = _get_rank() or 0
    threads = os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    torch.set_num_threads(int(threads))


def run_python(kind: str, *rest: str) -> None:
    """Run a module (-m), code (-c) or a script."""
    if kind == "-m":
        sys.path[0] = str(Path.cwd())
        sys.argv = list(rest)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(module))
    else:
        sys.path[0] = str(Path(kind).resolve().parent)
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


def exit_code(act: Callable[[], None]) -> int:
    """Call a function; print its error as Python does, and return the exit code Python would have.

    The negative signal number if a signal would end Python.
    """
    try:
        act()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def exit_process(code: int) -> NoReturn:
    """Exit as Python does, but without the finalization, which takes a third of a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        signal.raise_signal(-code)
    os._exit(code)


if __name__ == "__main__":
    main()
