"""Processes that start at once, because a server has imported all that they need.

Importing torch, Lightning, torchvision and Hydra costs seven seconds of processor time. The server
imports them once; each process is a fork of it. Whoever asked is its parent, so that waiting,
signals, exit codes and process groups are those of any other process, and what it starts itself
comes from a server of its own. ``Popen`` is ``subprocess.Popen`` otherwise. Linux only: elsewhere,
and for command lines that a fork cannot stand for, real processes are started.
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
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

CLONE_PARENT = 0x8000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
IS_SUPPORTED = sys.platform == "linux" and SYS_CLONE is not None
LENGTH = struct.Struct("!I")

start_really = subprocess.Popen._execute_child
_server: socket.socket | None = None  # of this process
_asking = threading.Lock()


@dataclass(frozen=True)
class Request:
    """A process that somebody wants.

    Attributes:
        arguments: what ``python`` is given.
        folder: that it works in.
        environment: of it.
        new_session: whether it leads a session of its own.
    """

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    new_session: bool


class Popen(subprocess.Popen):
    """A process like any other; where it is Python's, it need not import anything first."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        told = inspect.signature(start_really).bind(self, args, *others).arguments
        if not is_forkable(told):
            start_really(self, args, *others)
            return
        streams = [told[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        request = Request(
            [os.fsdecode(argument) for argument in told["args"][1:]],
            os.fsdecode(told["cwd"] or Path.cwd()),
            dict(os.environ if told["env"] is None else told["env"]),
            told["start_new_session"],
        )
        self.pid = ask(server(), request, [n if fd == -1 else fd for n, fd in enumerate(streams)])
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(told[name] for name in pipes))


def is_forkable(told: dict[str, Any]) -> bool:
    """Tell whether a fork can stand for what ``subprocess.Popen`` was given."""
    command = told["args"]
    return (
        IS_SUPPORTED
        and not isinstance(command, str | bytes | os.PathLike)
        and command[0] == sys.executable
        and len(command) > 1
        and (command[1] in ("-m", "-c") or os.fspath(command[1]).endswith(".py"))
        and not (told["shell"] or told["preexec_fn"] or told["pass_fds"])
    )


def server() -> socket.socket:
    """Return where this process asks for others; begins the first time."""
    global _server
    if _server is None:
        _server, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        surroundings = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        process.returncode = 0  # it ends when this process does, and is not waited for
        theirs.close()
    return _server


def ask(connection: socket.socket, request: Request, streams: Sequence[int]) -> int:
    """Ask for a process with certain input, output and error stream; return its number."""
    content = json.dumps(vars(request)).encode()
    with _asking:
        socket.send_fds(connection, [LENGTH.pack(len(content))], streams)
        connection.sendall(content)
        (process,) = LENGTH.unpack(received(connection, LENGTH.size))
    return process


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
    import_all()
    request = serve(connection)
    leave(exit_code(lambda: become(request)))


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
    """Make a process for each request; return in these alone, each with a server of its own."""
    global _server
    while True:
        request = answered(connection)
        _server, theirs = socket.socketpair()
        connection.close()
        if os.fork():
            theirs.close()
            return request
        _server.close()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        os.close(silence)
        connection = theirs


def answered(connection: socket.socket) -> Request:
    """Make processes until the other side ends; return in each of them."""
    while True:
        size, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        if not size:
            os._exit(0)
        request = Request(**json.loads(received(connection, *LENGTH.unpack(size))))
        process = fork_sibling()
        if not process:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:
            os.close(stream)
        if not process:
            return request
        connection.sendall(LENGTH.pack(process))


def fork_sibling() -> int:
    """Fork a process whose parent is this one's: who asked, and who will wait for it."""
    ctypes.pythonapi.PyOS_BeforeFork()
    process = ctypes.PyDLL(None).syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if process == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if process < 0:
        raise OSError("the kernel makes no process here")
    return process


def become(request: Request) -> None:
    """Be what ``python`` with these arguments would be."""
    if request.new_session:
        os.setsid()
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    subprocess.Popen = Popen
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())

    import numpy as np
    import torch
    from lightning_fabric.utilities.rank_zero import _get_rank, rank_zero_only

    np.random.seed()
    torch.seed()
    rank_zero_only.rank = _get_rank() or 0  # which Lightning asks the environment when imported
    threads = request.environment.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    torch.set_num_threads(int(threads))
    kind, *rest = request.arguments
    given = request.environment.get("PYTHONPATH", "")
    sys.path[:1] = ["", *filter(None, given.split(os.pathsep))]
    run(kind, rest)


def exit_code(act: Callable[[], None]) -> int:
    """Return the exit code with which Python would end after this, having said why as it does."""
    try:
        act()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
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
    os._exit(code & 0xFF)


def run(kind: str, rest: list[str]) -> None:
    """Run a module (-m), code (-c) or a script."""
    if kind == "-m":
        sys.path[0] = str(Path.cwd())
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path[0] = str(Path(kind).resolve().parent)
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    main()
