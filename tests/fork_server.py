"""Processes that start at once, because a server has imported all that they need.

Importing torch, Lightning, torchvision and Hydra costs seven seconds of processor time. The server
imports them once; each process is a fork of it. Whoever asked is its parent, so that waiting,
signals, exit codes and process groups are those of any other process, and what it starts itself
comes from a server of its own. ``Popen`` is ``subprocess.Popen`` otherwise. Linux only: elsewhere,
and for command lines that a fork cannot stand for, Python is started.

Unlike fresh processes, forks share the seed of string hashes, and know what was imported.
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
LENGTH, ANSWER = struct.Struct("!I"), struct.Struct("!ii")  # of a request; PID and errno

# That of the first server: tests change their own.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

execute_child = subprocess.Popen._execute_child
_server: socket.socket | None = None  # of this process
_asking = threading.RLock()


@dataclass(frozen=True)
class Request:
    """A process that somebody wants.

    Attributes:
        arguments: after the interpreter.
        folder: working directory.
        environment: environment variables.
        new_session: whether it leads a session of its own.
        blocked: signals that are blocked, by number.
    """

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    new_session: bool
    blocked: Sequence[int]


class Popen(subprocess.Popen):
    """A process like any other; where it is Python's, it need not import anything first."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        given = inspect.signature(execute_child).bind(self, args, *others).arguments
        if not is_forkable(given):
            execute_child(self, args, *others)
            return
        streams = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        request = Request(
            [os.fsdecode(argument) for argument in given["args"][1:]],
            os.path.abspath(os.fsdecode(given["cwd"] or ".")),  # noqa: PTH100 - links stay
            dict(os.environ if given["env"] is None else given["env"]),
            given["start_new_session"],
            [int(signum) for signum in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        )
        self.pid = ask(request, [n if fd == -1 else fd for n, fd in enumerate(streams)])
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))


def is_forkable(given: Mapping[str, Any]) -> bool:
    """Tell whether a fork can stand for what ``subprocess.Popen`` was given."""
    command = given["args"]
    usual = {"uid": None, "gid": None, "gids": None, "umask": -1, "process_group": -1}
    return (
        IS_SUPPORTED
        and not isinstance(command, str | bytes | os.PathLike)
        and command[0] == sys.executable
        and len(command) > 1
        and (command[1] in ("-m", "-c") or os.fspath(command[1]).endswith(".py"))
        and not any(given[name] for name in ("shell", "preexec_fn", "pass_fds", "executable"))
        and all(given.get(name, value) == value for name, value in usual.items())
        and given["close_fds"]
    )


def ask(request: Request, streams: Sequence[int]) -> int:
    """Ask for a process with certain input, output and error stream; return its PID.

    Raises:
        OSError: its folder is none, or there can be no further process.
        EOFError: the server has ended.
    """
    global _server
    content = json.dumps(vars(request)).encode()
    with _asking:
        connection = server()
        try:
            socket.send_fds(connection, [LENGTH.pack(len(content))], streams)
            connection.sendall(content)
            pid, error = ANSWER.unpack(received(connection, ANSWER.size))
        except (OSError, EOFError):
            _server = None  # the next one who asks gets another
            raise
    if error:
        if pid:
            os.waitpid(pid, 0)
        raise OSError(error, os.strerror(error), request.folder)
    return pid


def server() -> socket.socket:
    """Return the connection to this process's server; start it on first use."""
    global _server
    if _server is None:
        _server, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
        )
        process.returncode = 0  # it ends when this process does, and is not waited for
        theirs.close()
    return _server


def forget_server() -> None:
    """Leave the server to the process that it was started for: a fork of it is no parent."""
    global _server
    if _server is not None:
        _server.close()
        _server = None


os.register_at_fork(after_in_child=forget_server)


def received(connection: socket.socket, size: int) -> bytes:
    """Return so many bytes.

    Raises:
        EOFError: who would send them has ended.
    """
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise EOFError("the fork server has ended")
        content += part
    return content


def main() -> None:
    """Serve, and in each process that is made do what was asked for."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    base = [path for path in sys.path[1:] if path not in own]
    ignore_stops()
    import_all()
    request = serve(connection)
    leave(exit_code(lambda: become(request, base)))


def ignore_stops() -> None:
    """Do not end by a signal to the group of processes that this server belongs to."""
    for signum in STOPS:
        signal.signal(signum, signal.SIG_IGN)


def import_all() -> None:
    """Import the libraries and all of this package."""
    from hydra.core.plugins import Plugins

    import privacy_gan

    for module in pkgutil.walk_packages(privacy_gan.__path__, "privacy_gan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    Plugins.instance()
    gc.collect()
    gc.freeze()  # what is not looked at is not copied
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a library started a thread when it was imported: none may be forked")


def serve(connection: socket.socket) -> Request:
    """Fork a process for each request; return in these alone, each with a server of its own."""
    global _server
    while True:
        request = answered(connection)
        ours, theirs = socket.socketpair()
        connection.close()
        if os.fork():
            theirs.close()
            _server = ours
            return request
        ignore_stops()
        ours.close()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        os.close(silence)
        connection = theirs


def answered(connection: socket.socket) -> Request:
    """Fork processes until the other side ends; return in each of them, in its place."""
    while True:
        size, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        if not size:
            os._exit(0)
        request = Request(**json.loads(received(connection, *LENGTH.unpack(size))))
        try:
            is_forked = fork_sibling()
        except OSError as error:
            connection.sendall(ANSWER.pack(0, error.errno))
            is_forked = False
        if is_forked:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:
            os.close(stream)
        if is_forked:
            take_place(request, connection)
            return request


def take_place(request: Request, connection: socket.socket) -> None:
    """Go into the session and the folder that were asked for, and say so: as if just started."""
    try:
        if request.new_session:
            os.setsid()
        os.chdir(request.folder)
        for signum in STOPS:
            signal.signal(signum, signal.SIG_DFL)
    except OSError as error:
        connection.sendall(ANSWER.pack(os.getpid(), error.errno))
        os._exit(127)
    connection.sendall(ANSWER.pack(os.getpid(), 0))


def fork_sibling() -> bool:
    """Fork a process whose parent is this one's: who asked, and who will wait for it.

    Returns:
        Whether this is the new process.

    Raises:
        OSError: there can be none.
    """
    libc = ctypes.PyDLL(None, use_errno=True)
    ctypes.pythonapi.PyOS_BeforeFork()
    process = libc.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if process == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return True
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if process < 0:
        raise OSError(ctypes.get_errno(), "no process can be forked")
    return False


def become(request: Request, base: Sequence[str]) -> None:
    """Be what ``python`` with these arguments would be.

    Args:
        request: what was asked for.
        base: where Python itself looks for modules.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, request.blocked)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None
    subprocess.Popen = Popen
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    renew_libraries()
    given = filter(None, request.environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = ["", *given, *base]
    run(*request.arguments)


def renew_libraries() -> None:
    """Let libraries know what they look up when they are imported."""
    import numpy as np
    import torch
    from lightning_fabric.utilities.rank_zero import _get_rank, rank_zero_only

    np.random.seed()
    torch.seed()
    rank_zero_only.rank = _get_rank() or 0
    threads = os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    torch.set_num_threads(int(threads))


def run(kind: str, *rest: str) -> None:
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
    """Return the exit code with which Python would end after this, having said why as it does.

    Minus a signal's number where that would end it.
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


def leave(code: int) -> NoReturn:
    """End as Python does, but without taking everything apart, which takes a third of a second."""
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
