"""Tells which epochs end with a validation."""

from __future__ import annotations

from pytorch_lightning import Trainer


def is_validated(trainer: Trainer) -> bool:
    """Return whether the current epoch ends with a validation, see check_val_every_n_epoch."""
    return (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
