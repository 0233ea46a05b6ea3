"""Reports how far training came."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from privacy_gan.progress import report


class ProgressReport(Callback):
    """Reports steps of all epochs to whoever listens, see ``privacy_gan.progress``."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Report after every step."""
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 1
        report("training", trainer.current_epoch * batches + batch_idx + 1, epochs * batches)
