"""From a configuration to evaluations: who judges, how, and what was found."""

from __future__ import annotations

import json
import logging
from typing import Any

from lightning_fabric import Fabric
from omegaconf import DictConfig, OmegaConf

from privacy_gan.building import build
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.censoring import Arithmetic
from privacy_gan.evaluation.classifiers import ClassifierSchool
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.progress import bars_shown
from privacy_gan.evaluation.references import References
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs import Run, flatten
from privacy_gan.training.trainer import choose_precision

log = logging.getLogger(__name__)


def build_judge(config: DictConfig) -> Judge:
    """Return the judge.

    Raises:
        UserError: it cannot be built as configured.
    """
    judge: Judge = build(
        config.judge, classifiers=build_school(config), references=build_references(config)
    )
    return judge


def build_references(config: DictConfig) -> References:
    """Return what finds, or has made, the adversaries' answers on original images."""
    settings = judge_settings(config)
    of_all = {
        key: value
        for key, value in settings.items()
        if key.startswith("classifiers.") or key in ("judge.epochs", "judge.batch_size")
    }
    by_attacker = {
        name: json.dumps(
            of_all
            | {k: v for k, v in settings.items() if k.startswith(f"judge.attackers.{name}.")},
            sort_keys=True,
        )
        for name in config.judge.attackers
    }
    return References(config.classifiers.folder, config.classifiers.seed, by_attacker)


def build_school(config: DictConfig) -> ClassifierSchool:
    """Return what trains and finds fixed classifiers."""
    school: ClassifierSchool = build(
        config.classifiers, settings=json.dumps(classifier_settings(config), sort_keys=True)
    )
    return school


def hidden_attributes(privatizer: Privatizer, config: DictConfig) -> tuple[str, ...]:
    """Return the attributes that a mechanism hides; most hide the configured one."""
    return privatizer.attributes or (config.attribute,)


def judge_all(
    judge: Judge, config: DictConfig, privatizer: Privatizer, datamodule: TableDataModule
) -> dict[str, Any]:
    """Return all that is found of a mechanism: "evaluations", and the same of its "baseline".

    The latter is None where there is none, and empty where it was not asked for.

    Raises:
        UserError: the judge cannot judge these data.
    """
    baseline: dict[str, Any] | None = {}
    if privatizer.baseline is None:
        baseline = None
    elif config.baseline:
        log.info("judging the filter alone, then with the generator")
        baseline = evaluate_all(judge, config, privatizer.baseline, datamodule)
    return {
        "evaluations": evaluate_all(judge, config, privatizer, datamodule),
        "baseline": baseline,
    }


def evaluate_all(
    judge: Judge, config: DictConfig, privatizer: Privatizer, datamodule: TableDataModule
) -> dict[str, dict[str, Any]]:
    """Return what the judge finds, by hidden attribute, and how the judge was configured.

    Raises:
        UserError: it cannot judge these data.
    """
    evaluations = {}
    with bars_shown(config.trainer.enable_progress_bar):
        for attribute in hidden_attributes(privatizer, config):
            evaluation = judge.judge(
                privatizer.reporting(attribute),
                datamodule,
                attribute,
                arithmetic_of(config),
                epsilon=config.epsilon,
                epsilon_batch_size=config.data.batch_size,
            )
            for warning in evaluation.warnings:
                log.warning(warning)
            evaluations[attribute] = evaluation.to_json() | {"settings": judge_settings(config)}
    return evaluations


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
    if not record["evaluations"] or not config.evaluate:
        return
    found = next(iter(record["evaluations"].values()))["settings"]
    asked = judge_settings(config)
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
