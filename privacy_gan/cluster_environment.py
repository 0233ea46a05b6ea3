"""Rank of this process, from its environment variables, before any process group exists."""

from __future__ import annotations

import os

# set by privacy_gan and torchrun, by Slurm, and by hand for nodes and their processes
RANK_VARIABLES = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")


def is_rank_zero() -> bool:
    """Return whether this process is the first or only one of its run."""
    return all(int(os.environ.get(name) or 0) == 0 for name in RANK_VARIABLES)


def is_launched_as_rank() -> bool:
    """Return whether privacy_gan or torchrun started this process as one of several."""
    return "LOCAL_RANK" in os.environ


def is_launched_by_slurm() -> bool:
    """Return whether this process is one of several tasks that srun started."""
    return "SLURM_PROCID" in os.environ and int(os.environ.get("SLURM_NTASKS") or 1) > 1


def is_launched_externally() -> bool:
    """Return whether the run's processes exist already, this one among them."""
    return is_launched_as_rank() or is_launched_by_slurm()


def local_rank() -> int:
    """Return the rank of this process among those of its run on this machine."""
    if is_launched_as_rank():
        return int(os.environ["LOCAL_RANK"])
    return int(os.environ.get("SLURM_LOCALID") or 0) if is_launched_by_slurm() else 0
