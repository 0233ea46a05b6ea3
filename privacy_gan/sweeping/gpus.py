"""Reserves GPUs for runs, so that runs at the same time do not use the same GPU."""

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
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, str]]:
    """Reserve a run's GPUs within the block, after waiting for them if necessary.

    Reservations hold among all runs of the same user on this machine.

    Args:
        accelerator: the trainer's accelerator.
        devices: number of GPUs; "auto" for all visible ones.
        runs_per_device: number of runs that may share a GPU.
        on_wait: called repeatedly while all GPUs are taken; an exception ends the waiting.

    Yields:
        Environment variables that make only these GPUs visible; none if the run uses no GPU.

    Raises:
        UserError: fewer GPUs are visible.
    """
    gpus = visible_gpus() if accelerator in ("auto", "gpu", "cuda") else []
    if not gpus:  # Lightning raises an error if one is required
        yield {}
        return
    if devices == "auto":
        devices = len(gpus)
    if devices > len(gpus):
        raise UserError(
            f"trainer.devices={devices}, but {len(gpus)} "
            f"{'GPU is' if len(gpus) == 1 else 'GPUs are'} visible here: "
            f"set trainer.devices to {len(gpus)} or less"
        )
    with ExitStack() as locks:
        has_logged = False
        while (locked := lock_gpus(gpus, devices, runs_per_device, locks)) is None:
            if not has_logged:
                log.info(
                    "waiting for a GPU: all %d are taken (runs_per_device=%d lets more runs share)",
                    *(len(gpus), runs_per_device + 1),
                )
            has_logged = True
            on_wait()
            time.sleep(SECONDS_BETWEEN_TRIES)
        yield {VISIBLE_DEVICES: ",".join(locked)}


def lock_gpus(
    gpus: Sequence[str], count: int, runs_per_device: int, locks: ExitStack
) -> list[str] | None:
    """Lock GPUs, those with the fewest runs first, and return them; None if too few are free.

    Args:
        gpus: identifiers of the GPUs to choose from.
        count: number of GPUs.
        runs_per_device: number of runs that may share a GPU.
        locks: holds the locks, and releases them when it is closed.
    """
    folder = Path(tempfile.gettempdir()) / f"privacy_gan-gpus-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    with ExitStack() as acquired:
        locked: list[str] = []
        for slot in range(runs_per_device):
            for gpu in gpus:
                if len(locked) == count:
                    break
                lock = FileLock(folder / f"{gpu}-{slot}.lock", blocking=False)
                try:
                    if gpu not in locked:
                        acquired.enter_context(lock)
                        locked.append(gpu)
                except Timeout:
                    continue
        if len(locked) < count:
            return None
        locks.push(acquired.pop_all())
        return locked


def visible_gpus() -> list[str]:
    """Return the UUIDs of the NVIDIA GPUs that this process may use.

    UUIDs, because an index may mean another GPU in another job on the same machine.
    """
    try:
        query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        output = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    by_index = dict(line.split(", ") for line in output.strip().splitlines())
    if VISIBLE_DEVICES not in os.environ:
        return list(by_index.values())
    selected = [entry.strip() for entry in os.environ[VISIBLE_DEVICES].split(",")]
    return [by_index.get(entry, entry) for entry in selected if entry not in ("", "-1")]
