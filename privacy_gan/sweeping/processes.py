"""The processes of one run: started together, ended together, and which is to blame."""

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

GRACE_SECONDS = 5  # of those whose run has failed, until they are killed
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Failure:
    """Why a process failed, as it says itself or as its end tells.

    Attributes:
        reason: in one line, or one line for each of several mistakes.
        exit_code: the process's.
        traceback: where it happened; empty for what a user can fix.
        follows: whether it failed because another process of its run had.
        at: when, seconds since the epoch.
    """

    reason: str
    exit_code: int = 1
    traceback: str = ""
    is_secondary: bool = False
    at: float = field(default_factory=time.time)

    def write(self, folder: Path, rank: int) -> None:
        """Write it where whoever started the process looks."""
        path = folder / f"{rank}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)

    def format(self) -> str:
        """Return what a user is to read."""
        return self.traceback or "".join(f"error: {line}\n" for line in self.reason.splitlines())


def read_failures(folder: Path) -> list[Failure]:
    """Return what processes left in a folder, the first that failed first."""
    found = [
        Failure(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")
    ]
    return sorted(found, key=lambda failure: (failure.is_secondary, failure.at))


def root_cause(left: list[Failure], ended: Mapping[int, int], several: bool) -> Failure:
    """Return why a run failed.

    A process that was killed cannot say so; what the others say of it follows from that.

    Args:
        left: what its processes say, see ``left_in``.
        ended: exit codes by rank, minus the signal of one that was killed, in the order in which
            they ended.
        several: whether it has other processes.
    """
    killed = [(rank, code) for rank, code in ended.items() if code < 0]
    if left and not (left[0].is_secondary and killed):
        return left[0]
    rank, code = killed[0] if killed else next(item for item in ended.items() if item[1])
    who = f"process {rank} of the run" if several else "the run"
    if code >= 0:
        return Failure(f"{who} ended with code {code}", code)
    how = f"killed by {signal.Signals(-code).name}"
    if code == -signal.SIGKILL:
        how = "killed (SIGKILL): was there too little memory?"
    return Failure(f"{who} was {how}", 128 - code)


class Processes:
    """Processes that make one run.

    Args:
        command: that each is started with.
        environments: of each.
        output: where all print to; None for where this process does.
        failures: folder in which they leave why they fail, see ``Failure``.

    Attributes:
        ended: exit codes by rank, in the order in which they were seen.
        failed: whether one of them did.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        output: IO[str] | None,
        failures_folder: Path,
    ) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.failures_folder = failures_folder
        self.ended: dict[int, int] = {}
        self.failed = False
        self.failed_at = math.inf
        try:
            for environment in environments:
                self.started.append(
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

    def have_exited(self) -> bool:
        """Tell whether all have ended; if one failed, the others are made to, soon.

        One that lost another may wait for it for half an hour.
        """
        for rank, process in enumerate(self.started):
            if rank not in self.ended and (code := process.poll()) is not None:
                self.ended[rank] = code
        now = time.monotonic()
        # one that said so may still be a while about its end
        if not self.failed and (any(self.ended.values()) or read_failures(self.failures_folder)):
            self.failed, self.failed_at = True, now
        return len(self.ended) == len(self.started) or now - self.failed_at > GRACE_SECONDS

    def send_signal(self, signum: int) -> None:
        """Send a signal to all that are alive."""
        for process in self.started:
            process.send_signal(signum)

    def kill(self) -> None:
        """Leave none behind."""
        for process in self.started:
            process.kill()
        for process in self.started:
            process.wait()


def exit_with_parent(other: int) -> None:
    """Kill this process as soon as another has ended that needs it, in whatever way.

    One that is killed cannot stop those it started, and one of several that train together would
    wait half an hour for the others.

    Args:
        other: the number of this process's parent, or of the one that its parent works for.
    """
    is_parent = os.getppid() == other  # whose end is seen at once, even if nobody waits for it

    def is_alive() -> bool:
        if is_parent:
            return os.getppid() == other
        try:
            os.kill(other, 0)
        except OSError:
            return False
        return True

    def watch() -> None:
        while is_alive():
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="die-with-other", daemon=True).start()


@contextmanager
def torchrun_environments(count: int, nodes: int) -> Iterator[list[dict[str, str]]]:
    """Say what tells a run's processes apart, in the words of torchrun.

    Several nodes were each given the same command, and what they have to know of each other.

    Args:
        count: of processes on this node.
        nodes: that take part.

    Yields:
        Environment variables for each process on this node.

    Raises:
        UserError: it is not said where the first of several nodes is, or which this one is.
    """
    node = 0
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    with reserve_port() as port:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        if nodes > 1:
            try:
                meeting = {name: os.environ[name] for name in meeting}
                node = int(os.environ["NODE_RANK"])
            except (KeyError, ValueError):
                raise UserError(
                    f"trainer.num_nodes={nodes}: give this command on each node, with NODE_RANK=0, "
                    "1, ..., MASTER_ADDR=the first node's name and MASTER_PORT=a free port there; "
                    "or start it with srun or torchrun"
                ) from None
        yield [
            meeting
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
    """Keep a port of this machine for the first process of a run, which alone will listen on it.

    Two sockets may have the same port as long as at most one of them listens and both say that
    they do not mind; nobody else is given it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
