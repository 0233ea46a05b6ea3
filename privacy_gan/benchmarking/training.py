"""Times training through its real Trainer, which gives others a turn between its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from privacy_gan.benchmarking.timing import alternate, seconds_taken, wait_for

PROJECT = "project"  # what training through the Trainer is called among the contestants
WARM_UP = 3  # steps: memory is allocated, kernels are chosen


class TurnTaking(Callback):
    """Times some steps of the Trainer, whole rounds of its loop, then lets the others do as much.

    Everyone's turn begins with a step that is not timed: the one before has left memory otherwise
    than it is needed.

    Args:
        others: take as many steps as they are told to.
        rounds: of turns.
        steps: of a turn.
        device: that computes.

    Attributes:
        taken: seconds in each round, by contestant.
    """

    def __init__(
        self,
        others: Mapping[str, Callable[[int], object]],
        rounds: int,
        steps: int,
        device: torch.device,
    ) -> None:
        self.others = others
        self.rounds = rounds
        self.steps = steps
        self.device = device
        self.taken: dict[str, list[float]] = {name: [] for name in [PROJECT, *others]}
        self.since = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **more: Any
    ) -> None:
        """Begin to time a turn after its first step; after its last one hand over."""
        turn, step = divmod(trainer.fit_loop.batch_idx + 1 - WARM_UP, self.steps + 1)
        if step == 1:
            wait_for(self.device)
            self.since = time.perf_counter()
        if step == 0 and turn > 0:
            wait_for(self.device)
            self.taken[PROJECT].append(time.perf_counter() - self.since)
            self.let_others()
            trainer.should_stop = turn == self.rounds

    def let_others(self) -> None:
        """Let each of the others take its turn."""
        for name, work in self.others.items():
            work(1)
            self.taken[name].append(seconds_taken(partial(work, self.steps), self.device))


def time_training(
    fit: Callable[[Callback], Trainer],
    others: Mapping[str, Callable[[int], object]],
    rounds: int,
    steps: int,
    device: torch.device,
) -> tuple[dict[str, list[float]], Trainer]:
    """Let training and others take turns.

    Args:
        fit: trains with one more callback, the last one, and returns the trainer.
        others: take as many steps as they are told to.
        rounds: of turns.
        steps: of a turn.
        device: that computes.

    Returns:
        Seconds by contestant, and the trainer.
    """
    turns = TurnTaking(others, rounds, steps, device)
    trainer = fit(turns)
    return turns.taken, trainer


def time_checkpoint(trainer: Trainer, folder: Path, device: torch.device) -> float:
    """Return how many seconds it takes to save a checkpoint, the second time."""
    save = {"save": lambda: trainer.save_checkpoint(folder / "timed.ckpt", weights_only=False)}
    return min(alternate(save, 2, device)["save"])
