"""What a person sees while a run trains, and how fast it is."""

from __future__ import annotations

import sys
import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm


class DistortionProgressBar(TQDMProgressBar):
    """Lightning's bar with each stage's distortion against the budget.

    Where the output is no terminal, it draws a line now and then instead of redrawing one.

    Args:
        epsilon: the budget.
    """

    def __init__(self, epsilon: float) -> None:
        self.epsilon = epsilon
        self.redraws = sys.stdout.isatty()
        super().__init__(refresh_rate=1 if self.redraws else 25)

    def init_validation_tqdm(self) -> Tqdm:
        """Return the second bar, which only a terminal can take away again."""
        return super().init_validation_tqdm() if self.redraws else Tqdm(disable=True)

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        """Count epochs from 1, as the image grids do."""
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.set_description(
            f"Epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        )

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Return what stands behind the bar."""
        return {
            f"{name.split('/')[1]} distortion": f"{float(value):.4f}/{self.epsilon:g}"
            for name, value in trainer.callback_metrics.items()
            if name.startswith("train/") and name.endswith("/distortion")
        }

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the line of the bar, so that the message has one to itself."""
        if self._train_progress_bar is not None:
            self.train_progress_bar.close()


class Throughput(Callback):
    """Logs training images per second, over a few steps at a time.

    Args:
        every_n_steps: how many.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps

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
        if (batch_idx + 1) % self.every_n_steps == 0:
            now = time.perf_counter()
            pl_module.log("train/images_per_second", self.images / (now - self.since))
            self.images, self.since = 0, now
