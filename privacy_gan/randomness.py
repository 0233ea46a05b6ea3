"""Random streams keyed by seed, purpose, epoch and step.

Code that draws random numbers creates a new generator from such a key each time. A resumed run
therefore draws the same numbers as an uninterrupted one, and checkpoints need no random state.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers are used for; each purpose has an independent stream."""

    ORDER = 0
    TRAIN = 1
    VALID = 2
    FIGURE = 3
    JUDGE_INIT = 4
    JUDGE_ORDER = 5
    JUDGE_TRAIN = 6
    JUDGE_SCORE = 7
    BOOTSTRAP = 8
    FIT = 9
    JUDGE_AUGMENT = 10
    UPDATE_BN = 11
    SPLIT = 12
    PRINCIPAL_COMPONENTS = 13
    KERNEL_RIDGE = 14
    STACK = 15
    DATA_SCALING = 16
    JUDGE_DROPOUT = 17
    JUDGE_CONTROL = 18


def keyed_generator(
    device: torch.device | str, seed: int, purpose: Purpose, *counters: int
) -> torch.Generator:
    """Return a generator on a device, seeded with ``keyed_seed``."""
    return torch.Generator(device).manual_seed(keyed_seed(seed, purpose, *counters))


def keyed_seed(seed: int, purpose: Purpose, *counters: int) -> int:
    """Return a seed below 2**63 that depends only on the key: seed, purpose and counters."""
    state = np.random.SeedSequence([seed, purpose, *counters]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
