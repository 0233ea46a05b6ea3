"""Saving a run so that it goes on exactly where it stopped."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from privacy_gan import distributed
from privacy_gan.errors import Interrupted
from privacy_gan.interruption import StopRequests
from privacy_gan.runs.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from privacy_gan.runs.run import Run
from privacy_gan.tensors import require_finite
from privacy_gan.training.divergence import require_finite_state
from privacy_gan.training.metrics_csv import MetricsCSV

log = logging.getLogger(__name__)

BATCHES_BETWEEN_QUESTIONS = 10


class RunCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints whole and marked with their run; reads them without running code.

    Args:
        run: whose checkpoints these are.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Replace the file at ``path`` once all is written."""
        write_checkpoint(Path(path), checkpoint, self.run.fingerprint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint of this run.

        Raises:
            UserError: the file is damaged or another run's.
        """
        return self._read(Path(path), mmap=False)

    def find_checkpoint(self) -> Path | None:
        """Return the run's checkpoint, or None if it has none to go on from.

        One that is damaged, which only a crash of the machine can do, is set aside.

        Raises:
            UserError: the file is another run's, cannot be read, or holds weights that are not
                finite.
        """
        path = self.run.folder.checkpoint
        try:
            checkpoint = self._read(path, mmap=True)
        except FileNotFoundError:
            return None
        except DamagedCheckpoint:
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            log.warning("%s was damaged: training begins again, the file is now %s", path, aside)
            return None
        remedy = "delete it to begin anew, with a smaller learning_rate"
        require_finite(checkpoint["state_dict"], path, remedy)
        return path

    def _read(self, path: Path, mmap: bool) -> dict[str, Any]:
        checkpoint = read_checkpoint(path, mmap)
        self.run.check_fingerprint(checkpoint["identity"], path)
        return checkpoint


class SaveLastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt``: every so often, at the end, and when a signal asks to stop.

    A signal (Ctrl-C, or those that clusters send) ends the run after the step at hand; a second
    Ctrl-C ends it at once. Several processes save and end together, and ask each other every few
    steps only, because that takes time.

    Args:
        path: the checkpoint.
        every_minutes: time between two saves.

    Raises:
        Interrupted: from within training, after the save that a signal asked for.
        UserError: likewise, where the state is not finite: the last that was stays.
    """

    def __init__(self, path: Path, every_minutes: float) -> None:
        self.path = path
        self.every_seconds = 60 * every_minutes
        self.saved_at = time.monotonic()
        self.saved_step = -1
        self.requests = StopRequests()
        self.stopping = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to signals."""
        self.saved_at = time.monotonic()
        self.requests.listen()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Stop here rather than after a step, whose metrics Lightning logs after its hooks."""
        self.stop_if_asked(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any, **more: Any
    ) -> None:
        """Save within an epoch if it is time; after its last batch the epoch's end does."""
        batches = trainer.fit_loop.epoch_loop.batch_idx + 1
        if not trainer.is_last_batch and batches % self.batches_between_questions() == 0:
            self.save_if_due(trainer)

    def batches_between_questions(self) -> int:
        return 1 if distributed.world_size() == 1 else BATCHES_BETWEEN_QUESTIONS

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after an epoch if it is time, and always after the last."""
        is_last = trainer.current_epoch + 1 == trainer.max_epochs
        self.save_if_due(trainer, always=is_last)
        self.stop_if_asked(trainer)

    def save_if_due(self, trainer: Trainer, always: bool = False) -> None:
        """Save where time or a signal asks for it."""
        device = trainer.strategy.root_device
        due = time.monotonic() - self.saved_at >= self.every_seconds
        asked = distributed.any_rank(self.requests.received is not None, device)
        if asked and self.requests.received is None:
            self.requests.received = signal.SIGTERM  # another process got it
        if distributed.any_rank(due or always or asked, device):
            for logger in trainer.loggers:
                if isinstance(logger, MetricsCSV):
                    logger.write()
            require_finite_state(trainer, trainer.lightning_module)
            trainer.save_checkpoint(self.path, weights_only=False)
            self.saved_step = trainer.global_step
            self.saved_at = time.monotonic()
            self.stopping = asked

    def stop_if_asked(self, trainer: Trainer) -> None:
        """End the run if a signal asked for it and the state is saved."""
        if self.stopping and self.requests.received is not None:
            raise Interrupted(
                self.requests.received,
                f"stopped in epoch {trainer.current_epoch + 1}, state saved to {self.path}: "
                "run the same command again to resume",
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save what is not saved yet, for training may end within an epoch; give signals back.

        Limits of Lightning's, on steps or on time, end it so.
        """
        if self.saved_step != trainer.global_step:
            self.save_if_due(trainer, always=True)
        self.requests.restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the signals back."""
        self.requests.restore()
