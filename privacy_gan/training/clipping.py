"""Clips gradients, which Lightning itself does for automatic optimization only."""

from __future__ import annotations

from lightning_fabric.utilities.types import Optimizable
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import GradClipAlgorithmType


class ClipGradients(Callback):
    """Clips each player's gradients just before its step, over all processes' images.

    Args:
        value: largest norm of a player's gradients together, or size of each.
        algorithm: "norm" or "value", which of the two.
    """

    def __init__(self, value: float, algorithm: str) -> None:
        self.value = value
        self.algorithm = GradClipAlgorithmType(algorithm)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizable
    ) -> None:
        """Clip what this player's optimizer is about to use."""
        trainer.precision_plugin.clip_gradients(optimizer, self.value, self.algorithm)  # type: ignore[arg-type]
