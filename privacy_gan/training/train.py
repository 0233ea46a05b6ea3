"""Trains what a configuration describes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

import privacy_gan
from privacy_gan.attributes import find_attribute
from privacy_gan.config import check
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.runs import Run, identity
from privacy_gan.training.checkpointing import RunCheckpointIO, SaveLast
from privacy_gan.training.image_grid import ImageGrid
from privacy_gan.training.metrics_csv import MetricsCSV
from privacy_gan.training.progress import DistortionProgressBar, Throughput

log = logging.getLogger(__name__)

RESULT_VERSION = 1

# Lightning's advice that does not hold here
warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches are gathered
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")  # EpochOrder is
warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def train(config: DictConfig) -> tuple[Run, dict[str, Any]]:
    """Train a run, or go on with it, or find it finished.

    Args:
        config: as conf/train.yaml describes it; the run's folder must be resolvable.

    Returns:
        The run and its result record.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    check(config)
    datamodule: TableDataModule = build(config.data)
    attribute = find_attribute(config.attribute, datamodule.attribute_names)
    run = Run(Path(config.run_dir), identity(config, datamodule.content_key()))
    record = run.finished_result()
    if record is not None:
        log.info("already finished: %s", run.result)
        return run, record

    attribute_index = datamodule.attribute_names.index(attribute)
    privatizer = build_privatizer(config, attribute_index)
    datamodule.setup()
    with run.lock():
        checkpoint = RunCheckpointIO(run).find_own()
        grids = [ImageGrid(run.folder / "images", attribute_index)] if datamodule.pictures else []
        trainer = build_trainer(config, run, grids)
        run.write_config(config)
        log.info("training in %s", run.folder)
        trainer.fit(privatizer, datamodule=datamodule, ckpt_path=checkpoint)
        if not trainer.callback_metrics:  # all epochs were done before, only the result is missing
            trainer.validate(privatizer, datamodule=datamodule, verbose=False)
        measures = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("valid/")
        }
        outcome = {
            "version": RESULT_VERSION,
            "measures": measures,
            "made_with": circumstances(trainer),
        }
        return run, run.write_result(outcome)


def circumstances(trainer: Trainer) -> dict[str, str]:
    """Return what a result depends on beside the configuration, in its last digits."""
    return {
        "privacy_gan": privacy_gan.__version__,
        "torch": torch.__version__,
        "pytorch_lightning": version("pytorch-lightning"),
        "device": trainer.strategy.root_device.type,
        "precision": str(trainer.precision),
    }


def build_privatizer(config: DictConfig, attribute_index: int) -> AdversarialPrivatizer:
    """Return a mechanism whose initial weights are a function of the seed.

    Raises:
        UserError: the mechanism cannot be built as configured.
    """
    pl.seed_everything(config.seed, verbose=False)
    privatizer: AdversarialPrivatizer = build(
        config.privatizer, attribute_index=attribute_index, seed=config.seed
    )
    if config.num_classes != 2:
        raise UserError(f"num_classes={config.num_classes}, but attributes are binary: set it to 2")
    return privatizer.to(memory_format=torch.channels_last)


def build_trainer(config: DictConfig, run: Run, extras: Sequence[Callback]) -> Trainer:
    """Return Lightning's trainer with what every run has: callbacks, metrics.csv, checkpoints.

    Args:
        config: of the run.
        run: where metrics and checkpoints go.
        extras: callbacks that not every run has.

    Raises:
        UserError: the machine does not have what the configuration asks for.
    """
    loggers: list[Logger] = [MetricsCSV(run.folder / "metrics.csv")]
    if config.logger:
        tracker = build(config.logger)
        tracker.log_hyperparams(OmegaConf.to_container(config, resolve=True))
        loggers.append(tracker)
    callbacks = [
        Throughput(config.trainer.log_every_n_steps),
        *extras,
        SaveLast(run.checkpoint, config.checkpoint_minutes),
    ]
    if config.trainer.enable_progress_bar:
        callbacks.append(DistortionProgressBar())
    trainer: Trainer = build(
        config.trainer, callbacks=callbacks, logger=loggers, plugins=[RunCheckpointIO(run)]
    )
    return trainer


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a part of the configuration describes.

    Raises:
        UserError: it cannot be built so, in the words of what was to be built.
    """
    try:
        return instantiate(node, **more, _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error


def summary(run: Run, record: dict[str, Any]) -> str:
    """Return what a person wants to know at the end, in a few lines."""
    lines = [
        f"{run.identity['attribute']} censored with epsilon {run.identity['epsilon']:g} "
        "(a distortion budget, not differential privacy's epsilon)"
    ]
    measures = record["measures"]
    for stage in ("filter", "generator"):
        if (distortion := measures.get(f"valid/{stage}/distortion")) is not None:
            lines.append(f"  {stage:<10} distortion {distortion:.4f} on validation images")
    pictures = sorted((run.folder / "images").glob("epoch-*.png"))
    lines += [f"  faces      {picture}" for picture in pictures[-1:]]
    lines.append(f"  result     {run.result}")
    return "\n".join(lines)
