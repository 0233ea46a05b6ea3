"""Callbacks that monitor training: progress bar, progress reports and throughput."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm

from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.progress import LINES_PER_BAR, report_progress

log = logging.getLogger(__name__)


class DistortionProgressBar(TQDMProgressBar):
    """Lightning's progress bar with each network's distortion and the budget.

    If the output is not a terminal, one line is logged for every tenth of the training.

    Args:
        epsilon: the distortion budget where the mechanism names none.
    """

    def __init__(self, epsilon: float) -> None:
        self.epsilon = epsilon
        self.shown: dict[str, int | str | float | dict[str, float]] = {}
        self.redraws = sys.stdout.isatty()
        self.bar: Tqdm | None = None
        super().__init__(refresh_rate=1 if self.redraws else 25)

    def init_validation_tqdm(self) -> Tqdm:
        """Return the validation bar, disabled if the output is not a terminal."""
        return super().init_validation_tqdm() if self.redraws else Tqdm(disable=True)

    def init_train_tqdm(self) -> Tqdm:
        """Return the training bar; ``log_line`` replaces it if the output is not a terminal."""
        self.bar = super().init_train_tqdm() if self.redraws else Tqdm(disable=True)
        return self.bar

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *step: Any) -> None:
        """Update the bar, or log a line after every tenth of the training."""
        super().on_train_batch_end(trainer, pl_module, *step)
        epochs, batches = trainer.max_epochs or 1, int(trainer.num_training_batches)
        done = trainer.current_epoch * batches + step[2] + 1
        total = epochs * batches
        if not self.redraws and LINES_PER_BAR * done // total > LINES_PER_BAR * (done - 1) // total:
            self.log_line(trainer, pl_module, done / total)

    def log_line(self, trainer: Trainer, pl_module: LightningModule, share: float) -> None:
        """Log the finished share of the training and each network's distortion."""
        values = self.get_metrics(trainer, pl_module)
        parts = [f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"]
        parts += [f"{name} {value}" for name, value in values.items()]
        log.info("training %s: %s", f"{share:4.0%}", ", ".join(parts))

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        """Number epochs from 1, as the image grids do."""
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.set_description(
            f"Epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        )

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Return the metrics to show next to the bar.

        With a terminal, the values are read at every logging interval only: reading them makes the
        host wait for the accelerator.
        """
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not self.shown or not self.redraws or trainer.fit_loop.batch_idx % every == 0:
            assert isinstance(pl_module, TrainablePrivatizer)
            budgets = pl_module.budgets
            distortions = {
                name.split("/")[1]: float(value)
                for name, value in pl_module.logged.items()
                if name.endswith("/distortion")
            }
            self.shown = {
                f"{name} distortion": f"{value:.4f}/{budgets.get(name, self.epsilon):g}"
                for name, value in distortions.items()
                if not budgets or name in budgets
            }
        return dict(self.shown)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the error message starts on a new line."""
        if self.bar is not None:
            self.bar.close()


class ProgressReport(Callback):
    """Reports finished steps to the listener of ``privacy_gan.progress``."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Report a finished step."""
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 1
        report_progress(
            "training", trainer.current_epoch * batches + batch_idx + 1, epochs * batches
        )


class Throughput(Callback):
    """Logs training images per second at the trainer's logging interval."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the count, because a resumed run may start within an epoch."""
        self.images, self.since = 0, time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the count, so that validation is not included."""
        self.images, self.since = 0, time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count images, and log the rate at the logging interval."""
        assert isinstance(pl_module, TrainablePrivatizer)
        self.images += len(batch.images) // pl_module.stride * trainer.world_size
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if (batch_idx + 1) % every == 0:
            now = time.perf_counter()
            pl_module.log("train/images_per_second", self.images / (now - self.since))
            self.images, self.since = 0, now
