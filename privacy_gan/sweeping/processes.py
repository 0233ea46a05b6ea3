"""The processes of one run: started together, ended together."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from privacy_gan.errors import UserError
from privacy_gan.sweeping.failures import left_in

SECONDS_TO_FOLLOW = 5  # of those whose run has failed, until they are killed


class Processes:
    """Processes that make one run.

    Args:
        command: that each is started with.
        environments: of each.
        output: where all print to; None for where this process does.
        failures: folder in which they leave why they fail, see ``failures``.

    Attributes:
        ended: exit codes by rank, in the order in which they were seen.
        failed: whether one of them did.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        output: IO[str] | None,
        failures: Path,
    ) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.failures = failures
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

    def are_over(self) -> bool:
        """Tell whether all have ended; if one failed, the others are made to, soon.

        One that lost another may wait for it for half an hour.
        """
        for rank, process in enumerate(self.started):
            if rank not in self.ended and (code := process.poll()) is not None:
                self.ended[rank] = code
        now = time.monotonic()
        # one that said so may still be a while about its end
        if not self.failed and (any(self.ended.values()) or left_in(self.failures)):
            self.failed, self.failed_at = True, now
        return len(self.ended) == len(self.started) or now - self.failed_at > SECONDS_TO_FOLLOW

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


@contextmanager
def ranks(count: int, nodes: int) -> Iterator[list[dict[str, str]]]:
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
    with reserved_port() as port:
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
                "OMP_NUM_THREADS": str(max(1, threads() // count)),
            }
            for rank in range(count)
        ]


def threads() -> int:
    """Return how many threads a run was given."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of this machine for the first process of a run, which alone will listen on it.

    Two sockets may have the same port as long as at most one of them listens and both say that
    they do not mind; nobody else is given it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
