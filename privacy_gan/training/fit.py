"""Trains a mechanism by gradient steps with Lightning."""

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
from privacy_gan.training.validated import validated_by_lightning

log = logging.getLogger(__name__)

# warnings of Lightning that do not apply here
warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # gathering needs none
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")  # it is
warnings.filterwarnings("ignore", message=".*`srun` command is available")  # shown on login nodes
warnings.filterwarnings(
    "ignore", message=".*smaller than the logging interval.*"
)  # epochs log, too
warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # their reports


def build_trainer(
    make_trainer: Callable[..., Trainer],
    run: Run,
    datamodule: TableDataModule,
    column: int,
    checkpoint_minutes: float,
    bar_epsilon: float | None,
    trackers: Sequence[Logger],
) -> Trainer:
    """Return a Trainer with the callbacks, loggers and checkpoints of every run.

    Args:
        make_trainer: called with the run's callbacks, loggers and plugins.
        run: the run whose folder receives metrics, pictures and checkpoints.
        datamodule: set up.
        column: column of the sensitive attribute among the batch's attributes.
        checkpoint_minutes: time between two checkpoints.
        bar_epsilon: the distortion budget that the progress bar shows; None for no bar.
        trackers: loggers in addition to metrics.csv.

    Raises:
        UserError: the requested device does not exist, or the batch size is 1 or not a multiple of
            the number of processes.
    """
    callbacks: list[Callback] = [
        Throughput(),
        ProgressReport(),
        UpdateBatchNorm(),
        BroadcastBuffers(),
        DivergenceCheck(),
    ]
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
            "data.batch_size=1: batch norm needs at least two images per batch, set it to 2 or more"
        )
    if datamodule.batch_size % trainer.world_size:
        raise UserError(
            f"data.batch_size={datamodule.batch_size} cannot be divided evenly among "
            f"{trainer.world_size} processes: set it to a multiple of {trainer.world_size}"
        )
    return trainer


def fit(
    trainer: Trainer,
    privatizer: LightningModule,
    datamodule: TableDataModule,
    checkpoint: Path | None,
) -> dict[str, float]:
    """Train a mechanism, or resume its training.

    The caller must hold the run's lock.

    Args:
        trainer: see ``build_trainer``.
        privatizer: trained in place; afterwards it is on the CPU or on the training device.
        datamodule: set up.
        checkpoint: checkpoint to resume from, or None.

    Returns:
        The last validation metrics, and the number of epochs if training ended early.

    Raises:
        Interrupted: a signal asked to stop; call this again to resume.
        UserError: a loss or a weight is not finite.
    """
    if trainer.precision == "64-true":
        privatizer.double()  # before Lightning loads a checkpoint, which would be rounded
    trainer.fit(privatizer, datamodule=datamodule, ckpt_path=checkpoint)
    distributed.broadcast_buffers(privatizer)
    measured = validation_metrics(trainer)
    # all epochs were finished in an earlier session, or not even one was finished, or the last one
    # was not validated
    if not measured or not validated_by_lightning(trainer, trainer.current_epoch):
        trainer.validate(privatizer, datamodule=datamodule, verbose=False)
        measured = validation_metrics(trainer)
    privatizer.float()  # it is double with trainer.precision=64-true
    return measured | early_end(trainer)


def early_end(trainer: Trainer) -> dict[str, float]:
    """Return the number of epochs if a limit or a callback ended training early, else nothing."""
    loop, batches = trainer.fit_loop, int(trainer.num_training_batches)
    epochs = float(trainer.current_epoch)
    if trainer.max_epochs is None or epochs >= trainer.max_epochs:
        return {}
    if not loop.epoch_loop.batch_progress.is_last_batch:
        epochs += loop.epoch_loop.batch_progress.current.completed / max(batches, 1)
    if epochs >= trainer.max_epochs:
        return {}
    log.warning(
        "a limit of the trainer or a callback ended training after %.4g of %d epochs",
        *(epochs, trainer.max_epochs),
    )
    return {ENDED_AFTER: epochs}


def validation_metrics(trainer: Trainer) -> dict[str, float]:
    """Return the metrics of the last validation."""
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith("valid/")
    }
