"""Phases of a training: epochs in which the same networks learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.data.batch import Batch
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.game import Game


@dataclass(frozen=True)
class Phase:
    """Epochs of a training in which the same games are played.

    Attributes:
        games: the games whose networks learn.
        frozen: parts that are not trained, or no longer, and change the images before.
        start: first epoch.
        end: the epoch after the last one.
        lr_scale: factor of the learning rates.
        final_rate: share of the learning rates that ``decay`` ends at.
        stride: the games use every stride-th image of a batch.
    """

    games: Sequence[Game]
    frozen: Sequence[Privatizer]
    start: int
    end: int
    lr_scale: float = 1.0
    final_rate: float = 0.0
    stride: int = 1

    def progress(self, epochs: float) -> float:
        """Return the share of the phase that is over, in [0, 1).

        Args:
            epochs: number of epochs since the start of the training.
        """
        return (epochs - self.start) / (self.end - self.start)

    def select(self, batch: Batch) -> Batch:
        """Return the images of a batch that the games use."""
        return Batch(batch.images[:: self.stride], batch.attributes[:: self.stride])
