"""Trains a mechanism with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger

from privacy_gan import distributed
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.runs.result import ENDED_AFTER
from privacy_gan.runs.run import Run
from privacy_gan.training.checkpointing import RunCheckpointIO, SaveLastCheckpoint
from privacy_gan.training.ddp_strategy import BroadcastBuffers
from privacy_gan.training.divergence import DivergenceCheck
from privacy_gan.training.image_grid import ImageGrid
from privacy_gan.training.metrics_csv import MetricsCSV
from privacy_gan.training.monitoring import DistortionProgressBar, ProgressReport, Throughput
from privacy_gan.training.update_bn import UpdateBatchNorm

log = logging.getLogger(__name__)

# Lightning's advice that does not hold here
warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches are gathered
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")  # it is
warnings.filterwarnings("ignore", message=".*`srun` command is available")  # on login nodes
warnings.filterwarnings(
    "ignore", message=".*smaller than the logging interval.*"
)  # epochs log, too
warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # what they found


def build_trainer(
    make_trainer: Callable[..., Trainer],
    run: Run,
    datamodule: TableDataModule,
    column: int,
    checkpoint_minutes: float,
    bar_epsilon: float | None,
    trackers: Sequence[Logger],
) -> Trainer:
    """Return Lightning's trainer with what every run has: callbacks, metrics.csv, checkpoints.

    Args:
        make_trainer: called with callbacks, loggers and plugins.
        run: where metrics, pictures and checkpoints go.
        datamodule: set up.
        column: the sensitive attribute's, among the batch's attributes.
        checkpoint_minutes: time between two saves.
        bar_epsilon: the distortion budget that a progress bar shows; None shows no bar.
        trackers: follow the run beside metrics.csv.

    Raises:
        UserError: the machine does not have what is asked for, or its processes cannot share a
            batch evenly.
    """
    callbacks: list[Callback] = [
        Throughput(),
        ProgressReport(),
        UpdateBatchNorm(),
        BroadcastBuffers(),
    ]
    callbacks.append(DivergenceCheck())
    if datamodule.viewable:
        callbacks.append(ImageGrid(run.folder, column))
    callbacks.append(SaveLastCheckpoint(run.folder.checkpoint, checkpoint_minutes))
    if bar_epsilon is not None:
        callbacks.append(DistortionProgressBar(bar_epsilon))
    trainer = make_trainer(
        run_callbacks=callbacks,
        run_metrics=[MetricsCSV(run.folder.metrics)],
        run_trackers=trackers,
        run_plugins=[RunCheckpointIO(run)],
    )
    if datamodule.batch_size == 1:
        raise UserError(
            "data.batch_size=1: batch norm needs two images in a batch, set it to 2 or more"
        )
    if datamodule.batch_size % trainer.world_size:
        raise UserError(
            f"data.batch_size={datamodule.batch_size} cannot be shared evenly by "
            f"{trainer.world_size} processes: set it to a multiple of {trainer.world_size}"
        )
    return trainer


def fit(
    trainer: Trainer,
    privatizer: LightningModule,
    datamodule: TableDataModule,
    checkpoint: Path | None,
) -> dict[str, float]:
    """Train a mechanism, or go on with it; to be called with the run's lock.

    Args:
        trainer: see ``build_trainer``.
        privatizer: untrained; trained afterwards, on the CPU or where it was trained.
        datamodule: set up.
        checkpoint: to go on from, or None.

    Returns:
        What was measured on the validation split at the end.

    Raises:
        Interrupted: a signal asked to stop; the same call goes on.
        UserError: a loss or a weight is no longer finite.
    """
    trainer.fit(privatizer, datamodule=datamodule, ckpt_path=checkpoint)
    distributed.broadcast_buffers(privatizer)
    measured = validation_metrics(trainer)
    # all epochs were done before and only the result is missing, or none was finished
    if not measured:
        trainer.validate(privatizer, datamodule=datamodule, verbose=False)
        measured = validation_metrics(trainer)
    privatizer.float()  # with trainer.precision=64-true it was double
    return measured | ended_early(trainer)


def ended_early(trainer: Trainer) -> dict[str, float]:
    """Return after how many epochs training ended, where a limit or a callback ended it early."""
    loop, batches = trainer.fit_loop, int(trainer.num_training_batches)
    epochs = float(trainer.current_epoch)
    if trainer.max_epochs is None or epochs >= trainer.max_epochs:
        return {}
    if not loop.epoch_loop.batch_progress.is_last_batch:
        epochs += loop.epoch_loop.batch_progress.current.completed / max(batches, 1)
    if epochs >= trainer.max_epochs:
        return {}
    log.warning(
        "training ended after %.4g of %d epochs, by a limit of the trainer or a callback",
        *(epochs, trainer.max_epochs),
    )
    return {ENDED_AFTER: epochs}


def validation_metrics(trainer: Trainer) -> dict[str, float]:
    """Return what was measured on the validation split last."""
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith("valid/")
    }
