"""How fast a run trains."""

from __future__ import annotations

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class Throughput(Callback):
    """Logs training images per second, as often as the trainer logs."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting; a resumed run may start within an epoch."""
        self.images, self.since = 0, time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start anew, so that validation does not count."""
        self.images, self.since = 0, time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count, and log when there is enough."""
        self.images += len(batch.images) * trainer.world_size
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if (batch_idx + 1) % every == 0:
            now = time.perf_counter()
            pl_module.log("train/images_per_second", self.images / (now - self.since))
            self.images, self.since = 0, now
