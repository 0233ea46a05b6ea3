"""Which of a run's processes this is, by what launched it; known before they are connected."""

from __future__ import annotations

import os

# as we and torchrun say it, as Slurm does, as nodes are numbered that were started by hand
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")


def is_first_process() -> bool:
    """Tell whether this process is its run's first or only one."""
    return all(int(os.environ.get(name) or 0) == 0 for name in RANKS)


def is_launched_by_torchrun() -> bool:
    """Tell whether this process was started as one of several, by us or by torchrun."""
    return "LOCAL_RANK" in os.environ


def is_launched_by_slurm() -> bool:
    """Tell whether this process is one of several tasks that srun started."""
    return "SLURM_PROCID" in os.environ and int(os.environ.get("SLURM_NTASKS") or 1) > 1


def is_launched_with_others() -> bool:
    """Tell whether somebody started the run's processes already, this one among them."""
    return is_launched_by_torchrun() or is_launched_by_slurm()


def local_rank() -> int:
    """Return the number of this process among its run's on this machine, 0 for the first."""
    if is_launched_by_torchrun():
        return int(os.environ["LOCAL_RANK"])
    return int(os.environ.get("SLURM_LOCALID") or 0) if is_launched_by_slurm() else 0
