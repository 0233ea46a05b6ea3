"""Why a run failed: what its processes say, and which of them is to blame."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


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
    follows: bool = False
    at: float = field(default_factory=time.time)

    def leave(self, folder: Path, rank: int) -> None:
        """Write it where whoever started the process looks."""
        path = folder / f"{rank}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)

    def shown(self) -> str:
        """Return what a user is to read."""
        return self.traceback or "".join(f"error: {line}\n" for line in self.reason.splitlines())


def left_in(folder: Path) -> list[Failure]:
    """Return what processes left in a folder, the first that failed first."""
    found = [
        Failure(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")
    ]
    return sorted(found, key=lambda failure: (failure.follows, failure.at))


def blamed(left: list[Failure], ended: Mapping[int, int], several: bool) -> Failure:
    """Return why a run failed.

    A process that was killed cannot say so; what the others say of it follows from that.

    Args:
        left: what its processes say, see ``left_in``.
        ended: exit codes by rank, minus the signal of one that was killed, in the order in which
            they ended.
        several: whether it has other processes.
    """
    killed = [(rank, code) for rank, code in ended.items() if code < 0]
    if left and not (left[0].follows and killed):
        return left[0]
    rank, code = killed[0] if killed else next(item for item in ended.items() if item[1])
    who = f"process {rank} of the run" if several else "the run"
    return Failure(f"{who} {ending(code)}", code if code > 0 else 128 - code)


def ending(code: int) -> str:
    """Say how a process ended that did not say it itself."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL): was there too little memory?"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
