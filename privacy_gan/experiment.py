"""From a configuration to a result: train, judge, and write down what came out."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger

import privacy_gan
from privacy_gan.attributes import find_attribute
from privacy_gan.building import build
from privacy_gan.config import check, sensitive_group
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.progress import bars_shown
from privacy_gan.judging import (
    arithmetic_of,
    build_judge,
    build_school,
    hidden_attributes,
    judge_all,
    warn_if_judged_otherwise,
)
from privacy_gan.launched import is_first_process
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs import RESULT_VERSION, Run, identity, is_complete
from privacy_gan.training.adaptation import adapt
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.tracking import track_result
from privacy_gan.training.train import fit
from privacy_gan.training.trainer import choose_precision

log = logging.getLogger(__name__)


def train(config: DictConfig) -> tuple[Run, dict[str, Any]]:
    """Train a run and judge it, or go on with it, or find it finished.

    Args:
        config: as conf/train.yaml describes it; the run's folder must be resolvable.

    Returns:
        The run and its result record, see docs/judging.md.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
        Interrupted: a signal asked to stop; the same call goes on.
        SystemExit: this is not the first of the run's processes, and its part is done.
    """
    run, datamodule = open_run(config)
    record = run.finished_result()
    if record is not None and is_complete(record, config):
        log.info("already finished: %s", run.result)
        warn_if_judged_otherwise(config, run, record)
        return run, record
    privatizer = build_privatizer(config, datamodule)
    datamodule.setup()
    judge = build_judge(config)
    if config.evaluate:
        for attribute in hidden_attributes(privatizer, config):
            judge.check(datamodule, attribute)
    tracker = build_tracker(config)
    with run.lock() if is_first_process() else nullcontext():
        if isinstance(privatizer, pl.LightningModule):
            training = fit(config, run, privatizer, datamodule, tracker)
        if not is_first_process():
            sys.exit(0)  # what is left is work for one
        if not isinstance(privatizer, pl.LightningModule):
            training = adapt(config, run, privatizer, datamodule, arithmetic_of(config).device)
        judged = judge_all(judge, config, privatizer, datamodule) if config.evaluate else {}
        record = write_result(config, run, datamodule, training, judged)
    if tracker is not None:
        track_result(tracker, run, record)
    return run, record


def evaluate(config: DictConfig) -> tuple[Run, dict[str, Any]]:
    """Judge a trained run, again or for the first time, and replace what its result says of that.

    Args:
        config: the run's own, its judge, classifiers or data's whereabouts changed at will.

    Returns:
        The run and its new result record.

    Raises:
        UserError: the run is not trained, its checkpoint is damaged or another run's, ...
    """
    run, datamodule = open_run(config)
    record = run.finished_result()
    if record is None:
        raise UserError(
            f"{run.folder} holds no result.json, so its training is not finished: "
            "repeat the command that trains it"
        )
    privatizer = build_privatizer(config, datamodule)
    if privatizer.state_dict():
        checkpoint = RunCheckpointIO(run).find_own()
        if checkpoint is None:
            raise UserError(
                f"{run.folder} has no checkpoint last.ckpt, so there is nothing to judge"
            )
        privatizer.load_state_dict(RunCheckpointIO(run).load_checkpoint(checkpoint)["state_dict"])
    datamodule.setup()
    with run.lock():
        judged = judge_all(build_judge(config), config, privatizer, datamodule)
        record = write_result(config, run, datamodule, record["training"], judged)
    if (tracker := build_tracker(config)) is not None:
        track_result(tracker, run, record)
    return run, record


def train_classifiers(config: DictConfig) -> dict[str, FixedClassifier]:
    """Return the fixed classifiers of a configuration's data, training those that are missing.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
    """
    check(config)
    datamodule: TableDataModule = build(config.data)
    datamodule.setup()
    names = [find_attribute(name, datamodule.attribute_names) for name in config.judge.attributes]
    with bars_shown(config.trainer.enable_progress_bar):
        return build_school(config).get(names, datamodule, arithmetic_of(config))


def open_run(config: DictConfig) -> tuple[Run, TableDataModule]:
    """Return what a configuration is about; gives the attribute its proper name.

    Raises:
        UserError: a value is out of its range, or the data are not there.
    """
    check(config)
    datamodule: TableDataModule = build(config.data)
    group = sensitive_group(config)
    if group is None:
        config.attribute = find_attribute(config.attribute, datamodule.attribute_names)
    else:
        members = [find_attribute(name, datamodule.attribute_names) for name in group.members]
        datamodule.group = replace(group, members=tuple(members))
        config.attribute = datamodule.group.name
    return Run(Path(config.run_dir), identity(config, datamodule.content_key())), datamodule


def build_privatizer(config: DictConfig, datamodule: TableDataModule) -> Privatizer:
    """Return a mechanism whose initial weights are a function of the seed.

    Raises:
        UserError: the mechanism cannot be built as configured.
    """
    pl.seed_everything(config.seed, verbose=False)
    column = datamodule.column(config.attribute)
    privatizer: Privatizer = build(config.privatizer, attribute_index=column, seed=config.seed)
    return privatizer.to(memory_format=torch.channels_last)


def build_tracker(config: DictConfig) -> Logger | None:
    """Return what follows the run beside metrics.csv, if anything does.

    Raises:
        UserError: a package is missing.
    """
    if not config.logger:
        return None
    tracker: Logger = build(config.logger)
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    tracker.log_hyperparams({str(key): value for key, value in settings.items()})
    return tracker


def write_result(
    config: DictConfig,
    run: Run,
    datamodule: TableDataModule,
    training: dict[str, float],
    judged: dict[str, Any],
) -> dict[str, Any]:
    """Write and return the result record; with it the run is finished."""
    return run.write_result(
        {
            "version": RESULT_VERSION,
            "data": datamodule.data_name,
            "training": training,
            "evaluations": {},
            "baseline": {},
            **judged,
            "made_with": circumstances(config),
        }
    )


def circumstances(config: DictConfig) -> dict[str, str]:
    """Return what a result depends on beside the configuration, in its last digits."""
    accelerator = config.trainer.accelerator
    return {
        "privacy_gan": privacy_gan.__version__,
        "torch": torch.__version__,
        "pytorch_lightning": version("pytorch-lightning"),
        "device": arithmetic_of(config).device.type,
        "precision": choose_precision(accelerator, config.trainer.precision),
    }
