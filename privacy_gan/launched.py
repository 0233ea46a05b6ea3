"""Which of a run's processes this is, by what launched it; known before they are connected."""

from __future__ import annotations

import os

RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")


def is_first_process() -> bool:
    """Tell whether this process is its run's first or only one."""
    return all(int(os.environ.get(name) or 0) == 0 for name in RANKS)
