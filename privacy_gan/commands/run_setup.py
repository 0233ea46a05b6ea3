"""Builds what a run needs from its configuration: data, mechanism, trackers, process group."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

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
from privacy_gan.models.subspace import Basis
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.reporting.tracking import track_result
from privacy_gan.runs.artifacts import ArtifactCache
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import Run, run_from_config
from privacy_gan.training.ddp_strategy import join_process_group
from privacy_gan.training.subspace import (
    choose_basis,
    fill_components,
    has_subspace,
    load_basis,
    require_limits,
    warn_if_few_images,
)


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
    task = resolve_task(config, datamodule.known_attributes())
    datamodule.hide(task.attribute, task.group)
    config = resolve_config(config, task)
    run = run_from_config(config, datamodule.data_key())
    return RunSetup(config, task, run, datamodule)


def build_privatizer(setup: RunSetup) -> Privatizer:
    """Return a run's mechanism with initial weights that depend only on the seed.

    A filter in a subspace gets the principal components of the training images. Their number is
    filled into the run's configuration.

    Raises:
        UserError: the mechanism cannot be built as configured, or does not fit the data.
    """
    basis = fit_subspace(setup)
    seed = setup.config.seed
    pl.seed_everything(seed, verbose=False)
    privatizer: Privatizer = instantiate_mechanism(setup.config.privatizer, seed, setup.column)
    if basis is not None:
        load_basis(privatizer, basis)
    return privatizer.to(memory_format=torch.channels_last)


def fit_subspace(setup: RunSetup) -> Basis | None:
    """Return the principal components for a mechanism that works on them, else None.

    Raises:
        UserError: no number of components suits the data and the budget.
    """
    config, task, data = setup.config, setup.task, setup.datamodule
    if "max_truncation" not in config.networks or not has_subspace(config.privatizer):
        return None
    data.setup()
    require_limits(data, config.networks.privatizer.get("limits"))
    folder = Path(config.classifiers.folder) / data.split_name() / "components"
    cache = ArtifactCache(
        folder, "principal components", config.checkpoint_minutes, "classifiers.folder"
    )
    device = choose_compute(task.accelerator, task.precision).device
    limits = (config.networks.components, config.networks.max_truncation)
    budget = config.networks.privatizer.epsilon  # the filter's, at most the run's
    basis, components = choose_basis(cache, data, device, budget, *limits)
    warn_if_few_images(len(data.rows("train")), components)
    fill_components(config.privatizer, components)
    return basis


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
