"""From a configuration to a result: train, judge, and write down what came out."""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric import Fabric
from omegaconf import DictConfig, OmegaConf

import privacy_gan
from privacy_gan.attributes import find_attribute
from privacy_gan.building import build
from privacy_gan.config import check
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.censoring import Arithmetic
from privacy_gan.evaluation.classifiers import ClassifierSchool, FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.progress import bars_shown
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs import Run, flatten, identity
from privacy_gan.training.adaptation import adapt
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.train import fit
from privacy_gan.training.trainer import choose_precision

log = logging.getLogger(__name__)

RESULT_VERSION = 2


def train(config: DictConfig) -> tuple[Run, dict[str, Any]]:
    """Train a run and judge it, or go on with it, or find it finished.

    Args:
        config: as conf/train.yaml describes it; the run's folder must be resolvable.

    Returns:
        The run and its result record, see docs/judging.md.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    run, datamodule = open_run(config)
    record = run.finished_result()
    if record is not None and (record["evaluation"] is not None or not config.evaluate):
        log.info("already finished: %s", run.result)
        warn_if_judged_otherwise(config, run, record)
        return run, record
    privatizer = build_privatizer(config, datamodule)
    datamodule.setup()
    judge = build_judge(config)
    if config.evaluate:
        judge.check(datamodule, config.attribute)
    with run.lock():
        if isinstance(privatizer, pl.LightningModule):
            training = fit(config, run, privatizer, datamodule)
        else:
            training = adapt(config, run, privatizer, datamodule, arithmetic_of(config).device)
        evaluation = None
        if config.evaluate:
            evaluation = evaluation_by(judge, config, privatizer, datamodule)
        return run, write_result(config, run, training, evaluation)


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
        evaluation = evaluation_by(build_judge(config), config, privatizer, datamodule)
        return run, write_result(config, run, record["training"], evaluation)


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
    config.attribute = find_attribute(config.attribute, datamodule.attribute_names)
    return Run(Path(config.run_dir), identity(config, datamodule.content_key())), datamodule


def build_privatizer(config: DictConfig, datamodule: TableDataModule) -> Privatizer:
    """Return a mechanism whose initial weights are a function of the seed.

    Raises:
        UserError: the mechanism cannot be built as configured.
    """
    pl.seed_everything(config.seed, verbose=False)
    column = datamodule.attribute_names.index(config.attribute)
    privatizer: Privatizer = build(config.privatizer, attribute_index=column, seed=config.seed)
    if config.num_classes != 2:
        raise UserError(f"num_classes={config.num_classes}, but attributes are binary: set it to 2")
    return privatizer.to(memory_format=torch.channels_last)


def build_judge(config: DictConfig) -> Judge:
    """Return the judge.

    Raises:
        UserError: it cannot be built as configured.
    """
    judge: Judge = build(config.judge, classifiers=build_school(config))
    return judge


def evaluation_by(
    judge: Judge, config: DictConfig, privatizer: Privatizer, datamodule: TableDataModule
) -> dict[str, Any]:
    """Return what the judge finds, and how it was configured.

    Raises:
        UserError: it cannot judge these data.
    """
    with bars_shown(config.trainer.enable_progress_bar):
        evaluation = judge.judge(
            privatizer,
            datamodule,
            config.attribute,
            arithmetic_of(config),
            epsilon=config.epsilon,
            epsilon_batch_size=config.data.batch_size,
        )
    return evaluation.to_json() | {"settings": judge_settings(config)}


def build_school(config: DictConfig) -> ClassifierSchool:
    """Return what trains and finds fixed classifiers."""
    school: ClassifierSchool = build(
        config.classifiers, settings=json.dumps(classifier_settings(config), sort_keys=True)
    )
    return school


def classifier_settings(config: DictConfig) -> dict[str, Any]:
    """Return what decides how fixed classifiers turn out, by dotted path."""
    tree = OmegaConf.to_container(config.classifiers, resolve=True)
    assert isinstance(tree, dict)
    return flatten({str(key): value for key, value in tree.items() if key != "folder"})


def judge_settings(config: DictConfig) -> dict[str, Any]:
    """Return what decides how a judgement turns out, by dotted path."""
    tree = OmegaConf.to_container(config.judge, resolve=True)
    assert isinstance(tree, dict)
    return flatten({"judge": tree, "classifiers": classifier_settings(config)})


def warn_if_judged_otherwise(config: DictConfig, run: Run, record: dict[str, Any]) -> None:
    """Say so where a finished run was judged with other settings than are asked for now."""
    if record["evaluation"] is None or not config.evaluate:
        return
    found, asked = record["evaluation"]["settings"], judge_settings(config)
    differing = sorted(key for key in found | asked if found.get(key) != asked.get(key))
    if differing:
        key = differing[0]
        log.warning(
            "it was judged with %s=%s, not %s: experiments/evaluate.py run=%s %s=%s judges it so",
            *(key, found.get(key), asked.get(key), run.folder, key, asked.get(key)),
        )


def arithmetic_of(config: DictConfig) -> Arithmetic:
    """Return the trainer's device, with its precision where that needs no scaling of losses.

    Raises:
        UserError: the machine does not have the device.
    """
    accelerator, precision = config.trainer.accelerator, config.trainer.precision
    if precision != "32-true":
        precision = choose_precision(accelerator, "auto")
    try:
        fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"trainer.accelerator={accelerator} cannot be used: {error}") from error
    return Arithmetic(fabric.device, fabric.autocast)


def write_result(
    config: DictConfig, run: Run, training: dict[str, float], evaluation: dict[str, Any] | None
) -> dict[str, Any]:
    """Write and return the result record; with it the run is finished."""
    return run.write_result(
        {
            "version": RESULT_VERSION,
            "training": training,
            "evaluation": evaluation,
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
