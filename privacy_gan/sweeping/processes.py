"""Starts and ends the processes of one run together, and finds the root cause of a failure."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from privacy_gan.errors import UserError

GRACE_SECONDS = 5  # between a process's failure and the end of the run's other processes
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Failure:
    """Why a process failed, from its own report or from its exit code.

    Attributes:
        reason: one line for each error.
        exit_code: the process's exit code.
        traceback: empty for errors that a user can fix.
        is_secondary: whether it failed because another process of the run had failed.
        at: time of the failure, in seconds since the epoch.
    """

    reason: str
    exit_code: int = 1
    traceback: str = ""
    is_secondary: bool = False
    at: float = field(default_factory=time.time)

    def write(self, folder: Path, rank: int) -> None:
        """Write the failure where the parent process reads it."""
        path = folder / f"{rank}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)

    def format(self) -> str:
        """Return the text to print: the traceback, or else a line for each error."""
        return self.traceback or "".join(f"error: {line}\n" for line in self.reason.splitlines())


def read_failures(folder: Path) -> list[Failure]:
    """Return the failures in a folder: primary ones first, then in the order of time."""
    failures = [
        Failure(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")
    ]
    return sorted(failures, key=lambda failure: (failure.is_secondary, failure.at))


def root_cause(failures: list[Failure], exit_codes: Mapping[int, int], several: bool) -> Failure:
    """Return why a run failed.

    A process that was killed reports no failure, and the other processes report only secondary
    ones.

    Args:
        failures: the failures that its processes reported, see ``read_failures``.
        exit_codes: exit codes by rank, in the order in which the processes ended; the negative
            signal number of a process that was killed.
        several: whether the run has several processes.
    """
    killed = [(rank, code) for rank, code in exit_codes.items() if code < 0]
    if failures and not (failures[0].is_secondary and killed):
        return failures[0]
    rank, code = killed[0] if killed else next(item for item in exit_codes.items() if item[1])
    name = f"process {rank} of the run" if several else "the run"
    if code >= 0:
        return Failure(f"{name} ended with code {code}", code)
    if code == -signal.SIGKILL:
        reason = f"{name} was killed (SIGKILL): did it run out of memory?"
    else:
        reason = f"{name} was killed by {signal.Signals(-code).name}"
    return Failure(reason, 128 - code)


class Processes:
    """The processes of one run.

    Args:
        command: the command that each process runs.
        environments: the environment variables of each process.
        output: file for stdout and stderr of all; None to inherit this process's.
        failures_folder: folder in which the processes report failures, see ``Failure``.

    Attributes:
        exit_codes: exit codes by rank, in the order in which the processes ended.
        failed: whether one of them failed.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        output: IO[str] | None,
        failures_folder: Path,
    ) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.failures_folder = failures_folder
        self.exit_codes: dict[int, int] = {}
        self.failed = False
        self.failed_at = math.inf
        try:
            for environment in environments:
                self.processes.append(
                    subprocess.Popen(
                        command,
                        env=environment,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                )
        except BaseException:
            self.kill()
            raise

    def have_ended(self) -> bool:
        """Return whether all have ended, or one failed more than ``GRACE_SECONDS`` ago.

        A process that lost its connection to another may wait for half an hour before it fails.
        """
        for rank, process in enumerate(self.processes):
            if rank not in self.exit_codes and (code := process.poll()) is not None:
                self.exit_codes[rank] = code
        now = time.monotonic()
        # a process that has reported its failure may take a while to end
        if not self.failed and (
            any(self.exit_codes.values()) or read_failures(self.failures_folder)
        ):
            self.failed, self.failed_at = True, now
        all_ended = len(self.exit_codes) == len(self.processes)
        return all_ended or now - self.failed_at > GRACE_SECONDS

    def send_signal(self, signum: int) -> None:
        """Send a signal to all that are alive."""
        for process in self.processes:
            process.send_signal(signum)

    def kill(self) -> None:
        """Kill all that are alive, and wait for their end."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def exit_with_parent(pid: int) -> None:
    """Start a watchdog thread that kills this process once another process has ended.

    A killed process cannot stop those that it started. And a process that trains together with
    others would wait for them for half an hour.

    Args:
        pid: PID of the parent process, or of the process that the parent works for.
    """
    is_parent = os.getppid() == pid  # then getppid() changes at its end, even if it stays a zombie

    def is_alive() -> bool:
        if is_parent:
            return os.getppid() == pid
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True

    def watch() -> None:
        while is_alive():
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


@contextmanager
def torchrun_environments(count: int, nodes: int) -> Iterator[list[dict[str, str]]]:
    """Reserve a port and yield the environment variables that torchrun would set for a run.

    With several nodes, the user starts the same command on each, and sets MASTER_ADDR, MASTER_PORT
    and NODE_RANK.

    Args:
        count: number of processes on this node.
        nodes: number of nodes.

    Yields:
        Environment variables for each process on this node.

    Raises:
        UserError: there are several nodes, and one of these variables is missing or wrong.
    """
    node = 0
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    with reserve_port() as port:
        rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        if nodes > 1:
            try:
                rendezvous = {name: os.environ[name] for name in rendezvous}
                node = int(os.environ["NODE_RANK"])
            except (KeyError, ValueError):
                raise UserError(
                    f"trainer.num_nodes={nodes}: run this command on each node, with NODE_RANK=0, "
                    "1, ..., MASTER_ADDR=the first node's name and MASTER_PORT=a free port there; "
                    "or start it with srun or torchrun"
                ) from None
        yield [
            rendezvous
            | {
                "RANK": str(node * count + rank),
                "LOCAL_RANK": str(rank),
                "GROUP_RANK": str(node),
                "WORLD_SIZE": str(nodes * count),
                "OMP_NUM_THREADS": str(max(1, threads // count)),
            }
            for rank in range(count)
        ]


@contextmanager
def reserve_port() -> Iterator[int]:
    """Reserve a port of this machine, on which a run's first process will listen.

    The reserving socket is bound with SO_REUSEADDR and does not listen. So another socket with
    SO_REUSEADDR can bind to the port and listen, but the system does not hand out the port as a
    free one.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
