"""Tells which epochs end with a validation."""

from __future__ import annotations

from pytorch_lightning import Trainer


def is_validated(trainer: Trainer, epochs: int) -> bool:
    """Return whether a mechanism is validated after a number of epochs: also after the last one."""
    return validated_by_lightning(trainer, epochs) or epochs == trainer.max_epochs


def validated_by_lightning(trainer: Trainer, epochs: int) -> bool:
    """Return whether check_val_every_n_epoch makes Lightning validate after a number of epochs."""
    return epochs % (trainer.check_val_every_n_epoch or 1) == 0
