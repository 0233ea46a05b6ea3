"""Checkpoints from which a run resumes exactly where it stopped."""

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

BATCHES_BETWEEN_CHECKS = 10  # with several processes; a check is an all-reduce


class RunCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically with the run's fingerprint; loads them without executing code.

    Args:
        run: the run that the checkpoints belong to.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Replace the file at ``path`` after the new one has been written completely."""
        write_checkpoint(Path(path), checkpoint, self.run.fingerprint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Load a checkpoint of this run.

        Raises:
            UserError: the file is damaged or belongs to another run.
        """
        return self._read(Path(path), mmap=False)

    def find_checkpoint(self) -> Path | None:
        """Return the path of the run's checkpoint, or None if there is none to resume from.

        A damaged file, which only a crash of the machine can cause, is renamed.

        Raises:
            UserError: the file belongs to another run, cannot be read, or holds weights that are
                not finite.
        """
        path = self.run.folder.checkpoint
        try:
            checkpoint = self._read(path, mmap=True)
        except FileNotFoundError:
            return None
        except DamagedCheckpoint:
            renamed = path.with_name(f"{path.name}.damaged")
            path.replace(renamed)
            log.warning("%s was damaged: training starts again, the file is now %s", path, renamed)
            return None
        remedy = "delete it and start again with a smaller learning_rate"
        require_finite(checkpoint["state_dict"], path, remedy)
        return path

    def _read(self, path: Path, mmap: bool) -> dict[str, Any]:
        checkpoint = read_checkpoint(path, mmap)
        self.run.check_fingerprint(checkpoint["identity"], path)
        return checkpoint


class SaveLastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` at intervals, at the end, and before a signal stops the run.

    A signal (Ctrl-C, or one sent by a cluster) stops the run after the current step; a second
    Ctrl-C stops it immediately. Several processes save and stop together. They agree on this every
    few steps only, because it takes a collective operation.

    Args:
        path: the checkpoint file.
        every_minutes: time between two checkpoints.

    Raises:
        Interrupted: during training, after the checkpoint that a signal caused.
        UserError: during training, if the state is not finite; the previous checkpoint is kept.
    """

    def __init__(self, path: Path, every_minutes: float) -> None:
        self.path = path
        self.every_seconds = 60 * every_minutes
        self.saved_at = time.monotonic()
        self.saved_step = -1
        self.requests = StopRequests()
        self.stopping = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the signal handlers."""
        self.saved_at = time.monotonic()
        self.requests.listen()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any
    ) -> None:
        """Stop before a step: Lightning logs a step's metrics only after its last hook."""
        self.stop_if_requested(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any, **more: Any
    ) -> None:
        """Save within an epoch if due; ``on_train_epoch_end`` follows the last batch."""
        batches = trainer.fit_loop.epoch_loop.batch_idx + 1
        if not trainer.is_last_batch and batches % self.batches_between_checks() == 0:
            self.save_if_due(trainer)

    def batches_between_checks(self) -> int:
        return 1 if distributed.world_size() == 1 else BATCHES_BETWEEN_CHECKS

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after an epoch if due, and always after the last epoch."""
        is_last = trainer.current_epoch + 1 == trainer.max_epochs
        self.save_if_due(trainer, always=is_last)
        self.stop_if_requested(trainer)

    def save_if_due(self, trainer: Trainer, always: bool = False) -> None:
        """Save a checkpoint if enough time has passed or a signal was received on any rank."""
        device = trainer.strategy.root_device
        due = time.monotonic() - self.saved_at >= self.every_seconds
        stop_requested = distributed.any_rank(self.requests.received is not None, device)
        if stop_requested and self.requests.received is None:
            self.requests.received = signal.SIGTERM  # another process received it
        if distributed.any_rank(due or always or stop_requested, device):
            for logger in trainer.loggers:
                if isinstance(logger, MetricsCSV):
                    logger.write()
            require_finite_state(trainer, trainer.lightning_module)
            trainer.save_checkpoint(self.path, weights_only=False)
            self.saved_step = trainer.global_step
            self.saved_at = time.monotonic()
            self.stopping = stop_requested

    def stop_if_requested(self, trainer: Trainer) -> None:
        """Stop the run if a signal was received and the checkpoint is saved."""
        if self.stopping and self.requests.received is not None:
            raise Interrupted(
                self.requests.received,
                f"stopped in epoch {trainer.current_epoch + 1}, checkpoint saved to {self.path}: "
                "run the same command again to resume",
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the last step unless it is saved already, and restore the signal handlers.

        Lightning's limits on steps or time can end the training within an epoch. If a callback
        ended it, batch norm statistics may have been updated since.
        """
        if self.saved_step != trainer.global_step or trainer.should_stop:
            self.save_if_due(trainer, always=True)
        self.requests.restore()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the signal handlers."""
        self.requests.restore()
