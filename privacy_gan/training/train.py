"""Trains a mechanism with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger

from privacy_gan.building import build
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.launched import is_first_process
from privacy_gan.runs import Run
from privacy_gan.training.checkpointing import RunCheckpointIO, SaveLast
from privacy_gan.training.image_grid import ImageGrid
from privacy_gan.training.metrics_csv import MetricsCSV
from privacy_gan.training.progress import DistortionProgressBar, Throughput
from privacy_gan.training.replica_strategy import SharedBuffers

log = logging.getLogger(__name__)

# Lightning's advice that does not hold here
warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches are gathered
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")  # EpochOrder is
warnings.filterwarnings("ignore", message=".*`srun` command is available")  # on login nodes
warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def fit(
    config: DictConfig,
    run: Run,
    privatizer: LightningModule,
    datamodule: TableDataModule,
    tracker: Logger | None = None,
) -> dict[str, float]:
    """Train a mechanism, or go on with it; to be called with the run's lock.

    Args:
        config: of the run.
        run: where checkpoints and metrics go.
        privatizer: untrained; trained afterwards, on the CPU or where it was trained.
        datamodule: set up.
        tracker: follows the run beside metrics.csv.

    Returns:
        What was measured on the validation split at the end.

    Raises:
        UserError: a checkpoint is damaged or another run's, or the machine lacks a device.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    checkpoint = RunCheckpointIO(run).find_own()
    column = datamodule.column(config.attribute)
    grids = [ImageGrid(run.folder / "images", column)] if datamodule.pictures else []
    trainer = build_trainer(config, run, grids, tracker)
    if datamodule.batch_size % trainer.world_size:
        raise UserError(
            f"data.batch_size={datamodule.batch_size} cannot be shared evenly by "
            f"{trainer.world_size} processes: set it to a multiple of {trainer.world_size}"
        )
    if is_first_process():
        run.write_config(config)  # only now: a refused command changes nothing
        log.info("training in %s", run.folder)
    trainer.fit(privatizer, datamodule=datamodule, ckpt_path=checkpoint)
    if not trainer.callback_metrics:  # all epochs were done before, only the result is missing
        trainer.validate(privatizer, datamodule=datamodule, verbose=False)
    return {
        name: float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith("valid/")
    }


def build_trainer(
    config: DictConfig, run: Run, extras: Sequence[Callback], tracker: Logger | None
) -> Trainer:
    """Return Lightning's trainer with what every run has: callbacks, metrics.csv, checkpoints.

    Args:
        config: of the run.
        run: where metrics and checkpoints go.
        extras: callbacks that not every run has.
        tracker: follows the run beside metrics.csv.

    Raises:
        UserError: the machine does not have what the configuration asks for.
    """
    loggers: list[Logger] = [MetricsCSV(run.folder / "metrics.csv")]
    if tracker is not None:
        loggers.append(tracker)
    callbacks = [
        Throughput(config.trainer.log_every_n_steps),
        SharedBuffers(),
        *extras,
        SaveLast(run.checkpoint, config.checkpoint_minutes),
    ]
    if config.trainer.enable_progress_bar:
        callbacks.append(DistortionProgressBar(config.epsilon))
    trainer: Trainer = build(
        config.trainer, callbacks=callbacks, logger=loggers, plugins=[RunCheckpointIO(run)]
    )
    return trainer
