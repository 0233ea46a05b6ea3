"""The server that ``fork_client`` starts: forks a process for each request and runs it there."""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import io
import json
import multiprocessing.util
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn, TextIO

import fork_client
from fork_client import LENGTH, REPLY, SYS_CLONE, Request, receive
from parsed_files import parse_all, parse_once

CLONE_PARENT = 0x8000
MAX_DESCRIPTORS = 64  # that a request may pass
MAX_NAME = 15  # characters of a process's name on Linux
FIRST_OWN = 200  # this server's descriptors have higher numbers than those that forks keep
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    """Run the server; in each fork, run the request."""
    connection = socket.socket(fileno=move_up(int(sys.argv[1])))
    from_environment = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    base_path = [path for path in sys.path[1:] if path not in from_environment]
    ignore_stop_signals()
    gc.disable()  # while it imports: most of what that creates stays
    import_all()
    gc.enable()
    request = serve(connection)
    exit_process(exit_code(lambda: run_request(request, base_path)))


def ignore_stop_signals() -> None:
    """Ignore stop signals, which are sent to the whole process group of this server."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def move_up(descriptor: int) -> int:
    """Return a file descriptor's duplicate with a number that no fork keeps, and close it."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_OWN)
    os.close(descriptor)
    return moved


def import_all() -> None:
    """Import the libraries and all modules of this package."""
    import joblib.externals.loky.backend.fork_exec  # noqa: F401
    from hydra.core.plugins import Plugins

    import privacy_gan

    # starts threads; pandas does without it, and what needs it imports it later
    sys.modules["pyarrow"] = None  # type: ignore[assignment]
    for module in pkgutil.walk_packages(privacy_gan.__path__, "privacy_gan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    Plugins.instance()
    parse_once()
    parse_all(Path(__file__).parents[1] / "conf")
    del sys.modules["pyarrow"]
    gc.collect()
    gc.freeze()  # keeps the collector from writing to, and so copying, the shared memory
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a library started a thread on import, but threads cannot be forked")


def serve(connection: socket.socket) -> Request:
    """Fork a process for each request, and return in these only, each with its own server."""
    while True:
        request = fork_requests(connection)
        client_end, server_end = socket.socketpair()
        connection.close()
        if os.fork():
            server_end.close()
            fork_client.set_connection(client_end)
            return request
        ignore_stop_signals()
        client_end.close()
        for descriptor in request.kept:
            os.close(descriptor)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os.close(null)
        connection = socket.socket(fileno=move_up(server_end.detach()))


def fork_requests(connection: socket.socket) -> Request:
    """Fork a process for each request until the client ends; return in each of the processes."""
    while True:
        size, streams, _, _ = socket.recv_fds(connection, LENGTH.size, MAX_DESCRIPTORS)
        if not size:
            os._exit(0)
        request = Request(**json.loads(receive(connection, *LENGTH.unpack(size))))
        try:
            is_fork = fork_sibling()
        except OSError as error:
            connection.sendall(REPLY.pack(0, error.errno))
            is_fork = False
        if is_fork:
            streams = [move_up(stream) for stream in streams]
            for number, stream in zip([0, 1, 2, *request.kept], streams, strict=True):
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
    fork_subprocesses()
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    reinitialize_libraries()
    given = filter(None, request.environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *given, *base_path]
    run_python(*request.arguments)


def fork_subprocesses() -> None:
    """Fork the processes that this one starts, itself or with multiprocessing or joblib."""
    from joblib.externals.loky.backend import fork_exec

    subprocess.Popen = fork_client.Popen
    multiprocessing.util.spawnv_passfds = fork_client.spawn_process
    fork_exec.fork_exec = fork_client.start_worker


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
    """Run a module (-m), code (-c) or a script, with -u before it if its output is unbuffered."""
    if kind == "-u":
        sys.stdout, sys.stderr = unbuffered(sys.stdout), unbuffered(sys.stderr)
        run_python(*rest)
    elif kind == "-m":
        Path("/proc/self/comm").write_text(rest[0][-MAX_NAME:])  # its command line is the server's
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


def unbuffered(stream: TextIO) -> TextIO:
    """Return a stream that writes to the same file without a buffer."""
    raw = io.FileIO(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, write_through=True)


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
