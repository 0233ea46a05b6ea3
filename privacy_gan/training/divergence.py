"""Ends a training whose losses or weights are no longer finite."""

from __future__ import annotations

import math
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.errors import UserError
from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.tensors import find_non_finite

STEPS_BETWEEN_LOOKS = 20  # on GPUs, where a look waits for all that was begun


class DivergenceCheck(Callback):
    """Looks at each step's losses, and after each epoch at the weights and what was validated.

    What a step logged is means over all processes, so that all of them end together.

    Raises:
        UserError: from within training: something is not finite.
    """

    def __init__(self) -> None:
        self.unseen: list[tuple[int, dict[str, Tensor]]] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Look, where that costs nothing or was not done for a while."""
        assert isinstance(pl_module, TrainablePrivatizer)
        self.unseen.append((batch_idx, pl_module.logged))
        waiting = pl_module.device.type != "cpu" and len(self.unseen) < STEPS_BETWEEN_LOOKS
        if trainer.is_last_batch or not waiting:
            self.look(trainer)
        if trainer.is_last_batch:
            require_finite_state(trainer, pl_module)

    def look(self, trainer: Trainer) -> None:
        """Look at the losses of all steps since the last look."""
        steps, self.unseen = self.unseen, []
        values = [value.float() for _, logged in steps for value in logged.values()]
        if not values or torch.stack(values).isfinite().all():
            return
        for batch_idx, logged in steps:
            for name, value in logged.items():
                if not math.isfinite(value):
                    raise diverged(trainer, name, float(value), batch_idx)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at what was measured on the validation split."""
        for name, value in trainer.callback_metrics.items():
            if name.startswith("valid/") and not math.isfinite(value):
                raise diverged(trainer, name, float(value))


def require_finite_state(trainer: Trainer, pl_module: LightningModule) -> None:
    """End a training whose state is not finite; all processes do together.

    Raises:
        UserError: names what is not finite.
    """
    found = find_non_finite(pl_module.state_dict()) or find_non_finite_optimizer(trainer, pl_module)
    if distributed.any_rank(found is not None, trainer.strategy.root_device):
        batch_idx = trainer.fit_loop.epoch_loop.batch_idx
        raise diverged(trainer, found or "another process's part", None, batch_idx)


def find_non_finite_optimizer(trainer: Trainer, pl_module: LightningModule) -> str | None:
    """Return whose optimizer's moments are not finite: such parameters would learn no more."""
    assert isinstance(pl_module, TrainablePrivatizer)
    names = {player: name for name, player in pl_module.named_modules()}
    players = dict(enumerate(pl_module.networks))  # an own mechanism may have other optimizers
    for index, optimizer in enumerate(trainer.optimizers):
        if find_non_finite(optimizer.state_dict()["state"]) is not None:
            return f"the optimizer of {names.get(players.get(index), f'player {index + 1}')}"
    return None


def diverged(
    trainer: Trainer, name: str, value: float | None, batch_idx: int | None = None
) -> UserError:
    """Return what to tell of a training that diverged.

    Args:
        trainer: of the training.
        name: of what is not finite.
        value: of it, None where it has many.
        batch_idx: of the step after which that was so, None for a whole epoch.
    """
    step = "" if batch_idx is None else f", step {batch_idx + 1}"
    rates = sorted({optimizer.defaults["lr"] for optimizer in trainer.optimizers})
    given = f" (it is {', '.join(f'{rate:g}' for rate in rates)})" if rates else ""
    precise = "" if trainer.precision == "32-true" else " or trainer.precision=32-true"
    return UserError(
        f"training diverged in epoch {trainer.current_epoch + 1}{step}: {name} is "
        f"{'not finite' if value is None else value}; there is no result: set a smaller "
        f"learning_rate{given}{precise}"
    )
