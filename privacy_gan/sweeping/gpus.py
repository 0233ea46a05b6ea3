"""GPUs handed out, so that runs that go on side by side do not take the same one."""

from __future__ import annotations

import getpass
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from privacy_gan.errors import UserError

log = logging.getLogger(__name__)

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
SECONDS_BETWEEN_TRIES = 2


@contextmanager
def reserve_gpus(
    accelerator: str,
    devices: int | Literal["auto"],
    runs_per_device: int,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, str]]:
    """Keep as many GPUs as a run takes from other runs on this machine; wait for them if need be.

    Args:
        accelerator: the trainer's.
        devices: how many a run takes; "auto" for all that are visible.
        runs_per_device: that may share one.
        waiting: called again and again while all are taken; what it raises ends the waiting.

    Yields:
        Environment variables that make the run see these alone; none where it takes none.

    Raises:
        UserError: the machine does not have so many.
    """
    gpus = visible_gpus() if accelerator in ("auto", "gpu", "cuda") else []
    if not gpus:  # Lightning says so, if one is needed
        yield {}
        return
    if devices == "auto":
        devices = len(gpus)
    if devices > len(gpus):
        raise UserError(
            f"trainer.devices={devices}, but {len(gpus)} GPUs are visible here: "
            f"set trainer.devices to {len(gpus)} or less"
        )
    with ExitStack() as locks:
        told = False
        while (taken := lock_gpus(gpus, devices, runs_per_device, locks)) is None:
            if not told:
                log.info(
                    "waiting for a GPU: all %d are taken (runs_per_device=%d lets more share)",
                    *(len(gpus), runs_per_device + 1),
                )
            told = True
            waiting()
            time.sleep(SECONDS_BETWEEN_TRIES)
        yield {VISIBLE_DEVICES: ",".join(taken)}


def lock_gpus(
    gpus: Sequence[str], wanted: int, runs_per_device: int, locks: ExitStack
) -> list[str] | None:
    """Lock GPUs, all that are wanted or none.

    Args:
        gpus: identifiers of those to choose from.
        wanted: how many.
        runs_per_device: that may share one; the emptiest are taken.
        locks: keeps what was locked, and gives it back when it is closed.
    """
    folder = Path(tempfile.gettempdir()) / f"privacy_gan-gpus-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    with ExitStack() as tried:
        taken: list[str] = []
        for place in range(runs_per_device):
            for gpu in gpus:
                if len(taken) == wanted:
                    break
                lock = FileLock(folder / f"{gpu}-{place}.lock", blocking=False)
                try:
                    if gpu not in taken:
                        tried.enter_context(lock)
                        taken.append(gpu)
                except Timeout:
                    continue
        if len(taken) < wanted:
            return None
        locks.push(tried.pop_all())
        return taken


def visible_gpus() -> list[str]:
    """Return the universally unique identifiers of the NVIDIA GPUs that may be used here.

    A number means another GPU to another job of the same machine; an identifier does not.
    """
    try:
        query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    by_index = dict(line.split(", ") for line in listed.strip().splitlines())
    if VISIBLE_DEVICES not in os.environ:
        return list(by_index.values())
    chosen = [entry.strip() for entry in os.environ[VISIBLE_DEVICES].split(",")]
    return [by_index.get(entry, entry) for entry in chosen if entry not in ("", "-1")]
