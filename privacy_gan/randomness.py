"""Random numbers that depend on what they are for, and on nothing that happened before.

A generator is made anew from a key (seed, purpose, epoch, batch, ...) wherever numbers are drawn.
So a run that was interrupted draws after its resumption what it would have drawn anyway, and no
random state needs saving.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What the numbers are drawn for; distinct purposes have independent streams."""

    ORDER = 0
    TRAIN = 1
    VALID = 2
    FIGURE = 3
    JUDGE_INIT = 4
    JUDGE_ORDER = 5
    JUDGE_TRAIN = 6
    JUDGE_SCORE = 7
    BOOTSTRAP = 8
    ADAPT = 9
    JUDGE_AUGMENT = 10
    SETTLE = 11
    SPLIT = 12


def keyed_generator(
    device: torch.device | str, seed: int, purpose: Purpose, *counters: int
) -> torch.Generator:
    """Return a generator on a device whose stream is a function of the key alone."""
    return torch.Generator(device).manual_seed(keyed_seed(seed, purpose, *counters))


def keyed_seed(seed: int, purpose: Purpose, *counters: int) -> int:
    """Return a seed below 2**63 that is a function of the key alone."""
    state = np.random.SeedSequence([seed, purpose, *counters]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
