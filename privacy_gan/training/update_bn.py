"""Callback that recomputes batch norm statistics from a sample of training images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.training.sampling import sample_batches
from privacy_gan.training.validated import is_validated

MAX_BATCHES = 32  # batch norm's moments differ by 1% or less between two samples of this size


class UpdateBatchNorm(Callback):
    """Calls the mechanism's ``update_bn`` before validation and at the end of the training."""

    def __init__(self) -> None:
        self.updated_step = -1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any, **more: Any
    ) -> None:
        """Update after the last batch of an epoch that is validated, or that freezes a network."""
        assert isinstance(pl_module, TrainablePrivatizer)
        validated = is_validated(trainer, trainer.current_epoch + 1)
        if trainer.is_last_batch and (validated or pl_module.freezes):
            self.update(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Update if one of Lightning's limits ended the training within an epoch."""
        if self.updated_step != trainer.global_step:
            self.update(trainer, pl_module)

    def update(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainablePrivatizer)
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        size = datamodule.batch_size
        count = size * max(1, min(MAX_BATCHES, len(datamodule.rows("train")) // size))

        def batches() -> Iterator[Tensor]:
            with trainer.precision_plugin.forward_context():
                for batch in sample_batches(datamodule, count, pl_module.device):
                    yield trainer.precision_plugin.convert_input(
                        distributed.local_shard(batch.images)
                    )

        pl_module.update_bn(batches)
        self.updated_step = trainer.global_step
