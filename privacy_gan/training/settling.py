"""Lets a mechanism get ready before it is validated, drawn or saved for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from privacy_gan import replicas
from privacy_gan.privatizers.trained import TrainedPrivatizer
from privacy_gan.training.adaptation import sample_batches

BATCHES = 32  # moments of batch norm vary by a percent or less between two such samples


class Settling(Callback):
    """Calls ``settle`` with some training images at the end of every epoch, and of the training."""

    def __init__(self) -> None:
        self.settled_step = -1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any, **more: Any
    ) -> None:
        """Settle after an epoch's last batch; validation comes next."""
        if trainer.is_last_batch:
            self.settle(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Settle where limits of Lightning's end training within an epoch."""
        if self.settled_step != trainer.global_step:
            self.settle(trainer, pl_module)

    def settle(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainedPrivatizer)
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        size = datamodule.batch_size
        count = size * max(1, min(BATCHES, len(datamodule.rows("train")) // size))

        def batches() -> Iterator[Tensor]:
            with trainer.precision_plugin.forward_context():
                for batch in sample_batches(datamodule, count, pl_module.device):
                    yield trainer.precision_plugin.convert_input(replicas.own_part(batch.images))

        pl_module.settle(batches)
        self.settled_step = trainer.global_step
