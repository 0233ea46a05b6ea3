"""Stops training if losses, weights or optimizer states are not finite."""

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

STEPS_BETWEEN_CHECKS = 20  # on accelerators, where a check synchronizes host and device


class DivergenceCheck(Callback):
    """Checks each step's losses, and after each epoch the weights and validation metrics.

    The losses of a step are means over all processes, so that all processes stop together.

    Raises:
        UserError: during training, if a value is not finite.
    """

    def __init__(self) -> None:
        self.unchecked: list[tuple[int, dict[str, Tensor]]] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Check the losses: at every step on a CPU, every few steps on accelerators."""
        assert isinstance(pl_module, TrainablePrivatizer)
        self.unchecked.append((batch_idx, pl_module.logged))
        on_cpu = pl_module.device.type == "cpu"
        if trainer.is_last_batch or on_cpu or len(self.unchecked) >= STEPS_BETWEEN_CHECKS:
            self.check_losses(trainer)
        if trainer.is_last_batch:
            require_finite_state(trainer, pl_module)

    def check_losses(self, trainer: Trainer) -> None:
        """Check the losses of all steps since the last check."""
        steps, self.unchecked = self.unchecked, []
        values = [value.float() for _, logged in steps for value in logged.values()]
        if not values or torch.stack(values).isfinite().all():
            return
        for batch_idx, logged in steps:
            for name, value in logged.items():
                if not math.isfinite(value):
                    raise divergence_error(trainer, name, float(value), batch_idx)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, value in trainer.callback_metrics.items():
            if name.startswith("valid/") and not math.isfinite(value):
                raise divergence_error(trainer, name, float(value))


def require_finite_state(trainer: Trainer, pl_module: LightningModule) -> None:
    """Raise an error on all ranks if the training state is not finite on any of them.

    Raises:
        UserError: a weight or an optimizer state is not finite; the message names it.
    """
    name = find_non_finite(pl_module.state_dict()) or find_non_finite_optimizer(trainer, pl_module)
    if distributed.any_rank(name is not None, trainer.strategy.root_device):
        batch_idx = trainer.fit_loop.epoch_loop.batch_idx
        raise divergence_error(trainer, name or "the state of another process", None, batch_idx)


def find_non_finite_optimizer(trainer: Trainer, pl_module: LightningModule) -> str | None:
    """Name the first optimizer whose state is not finite: its network would stop learning."""
    assert isinstance(pl_module, TrainablePrivatizer)
    names = {network: name for name, network in pl_module.named_modules()}
    networks = dict(enumerate(pl_module.networks))  # a user's mechanism may have more optimizers
    for index, optimizer in enumerate(trainer.optimizers):
        if find_non_finite(optimizer.state_dict()["state"]) is not None:
            return f"the optimizer of {names.get(networks.get(index), f'network {index + 1}')}"
    return None


def divergence_error(
    trainer: Trainer, name: str, value: float | None, batch_idx: int | None = None
) -> UserError:
    """Return the error for a training that diverged.

    Args:
        trainer: the trainer.
        name: name of the value or tensor that is not finite.
        value: the value, or None for a tensor.
        batch_idx: index of the last step in the epoch, or None for a metric of the whole epoch.
    """
    step = "" if batch_idx is None else f", step {batch_idx + 1}"
    rates = sorted({optimizer.defaults["lr"] for optimizer in trainer.optimizers})
    current = f" (it is {', '.join(f'{rate:g}' for rate in rates)})" if rates else ""
    precision = "" if trainer.precision == "32-true" else " or trainer.precision=32-true"
    return UserError(
        f"training diverged in epoch {trainer.current_epoch + 1}{step}: {name} is "
        f"{'not finite' if value is None else value}; there is no result: set a smaller "
        f"learning_rate{current}{precision}"
    )
