"""Builds what a run needs from its configuration: data, mechanism, trackers, process group."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

import privacy_gan
from privacy_gan.cluster_environment import is_rank_zero
from privacy_gan.config import (
    Task,
    check_config,
    config_to_dict,
    instantiate,
    instantiate_mechanism,
    is_distributed,
    resolve_config,
    resolve_task,
)
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.hardware import choose_compute, choose_precision, device_name
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.reporting.tracking import track_result
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import Run, run_from_config
from privacy_gan.training.ddp_strategy import join_process_group


@dataclass(frozen=True)
class RunSetup:
    """A run that is ready to be trained or judged.

    Attributes:
        config: all references resolved.
        task: attribute, budget and device.
        run: fingerprint and folder.
        datamodule: its data; ``setup()`` has not been called.
    """

    config: DictConfig
    task: Task
    run: Run
    datamodule: TableDataModule

    @property
    def column(self) -> int:
        """Index of the sensitive attribute in ``Batch.attributes``."""
        return self.datamodule.column(self.task.attribute)


def prepare_run(config: DictConfig) -> RunSetup:
    """Check and resolve a configuration.

    Raises:
        UserError: a value is out of range, or the data are missing.
    """
    check_config(config)
    datamodule: TableDataModule = instantiate(config.data)
    task = resolve_task(config, datamodule.attribute_names)
    datamodule.group = task.group
    config = resolve_config(config, task)
    run = run_from_config(config, datamodule.content_key())
    return RunSetup(config, task, run, datamodule)


def build_privatizer(setup: RunSetup, components: int | None = None) -> Privatizer:
    """Return a run's mechanism with initial weights that depend only on the seed.

    Args:
        setup: the run.
        components: number of principal components of networks that leave it to the data.

    Raises:
        UserError: the mechanism cannot be built as configured.
    """
    seed = setup.config.seed
    pl.seed_everything(seed, verbose=False)
    privatizer: Privatizer = instantiate_mechanism(
        setup.config.privatizer, seed, setup.column, components
    )
    return privatizer.to(memory_format=torch.channels_last)


def build_trackers(config: DictConfig) -> list[Logger]:
    """Return the experiment trackers that log the run in addition to metrics.csv.

    Raises:
        UserError: a package is missing.
    """
    trackers: list[Logger] = [instantiate(node) for node in config.logger.values()]
    for tracker in trackers:
        tracker.log_hyperparams(config_to_dict(config))
    return trackers


def log_result(trackers: Sequence[Logger], folder: RunFolder, result: Result) -> None:
    """Log a run's result to its experiment trackers, on rank zero."""
    if is_rank_zero():
        for tracker in trackers:
            track_result(tracker, folder, result)


def process_group_for(config: DictConfig) -> AbstractContextManager[None]:
    """Join the process group of a distributed run; do nothing for other runs."""
    trainer = config.trainer
    if not is_distributed(trainer):
        return nullcontext()
    return join_process_group(choose_compute(trainer.accelerator, trainer.precision).device)


def lock_on_rank_zero(folder: RunFolder) -> AbstractContextManager[None]:
    """Lock a run's folder on rank zero, on behalf of all ranks."""
    return folder.lock() if is_rank_zero() else nullcontext()


def describe_environment(accelerator: str, precision: str, image_size: int) -> dict[str, str]:
    """Return versions and hardware, on which the last digits of a result depend.

    Args:
        accelerator: ``trainer.accelerator``.
        precision: ``trainer.precision``.
        image_size: side of the images in pixels.
    """
    device = choose_compute(accelerator, precision).device
    return {
        "privacy_gan": privacy_gan.__version__,
        "torch": torch.__version__,
        "pytorch_lightning": version("pytorch-lightning"),
        "device": device.type,
        "device_name": device_name(device),
        "precision": choose_precision(accelerator, precision, image_size),
        "threads": str(torch.get_num_threads()),
    }
