"""Judges a run's mechanism and writes the result."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from dataclasses import replace
from shutil import rmtree

from omegaconf import DictConfig

from privacy_gan import distributed
from privacy_gan.cluster_environment import is_rank_zero
from privacy_gan.commands.run_setup import RunSetup, describe_environment
from privacy_gan.config import instantiate
from privacy_gan.errors import UserError
from privacy_gan.evaluation.attack import PAPER
from privacy_gan.evaluation.cached_attack import JudgingCache
from privacy_gan.evaluation.certification import certify_mechanism, contradiction_warnings
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.judgement import Judgement
from privacy_gan.evaluation.panel import panel_name
from privacy_gan.evaluation.persons import persons_key
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute, choose_compute
from privacy_gan.privatizers.base import FiniteRelease, Privatizer
from privacy_gan.progress import show_bars
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.evaluation import RETRAINED, Evaluation
from privacy_gan.runs.fingerprint import classifier_settings, judge_settings
from privacy_gan.runs.result import Result
from privacy_gan.tensors import hash_weights

log = logging.getLogger(__name__)

JudgedRun = tuple[dict[str, Evaluation], dict[str, Evaluation] | None]
NOT_JUDGED: JudgedRun = ({}, {})
MECHANISM, BASELINE = "mechanism", "baseline"


def build_judge(config: DictConfig) -> Judge:
    """Return the configured judge.

    Raises:
        UserError: it cannot be built as configured.
    """
    judge: Judge = instantiate(
        config.judge,
        classifiers=build_fixed_classifiers(config),
        reference_settings=reference_settings(config),
    )
    return judge


def build_fixed_classifiers(config: DictConfig) -> FixedClassifiers:
    """Return the configured fixed classifiers, which are trained or loaded on first use."""
    settings = json.dumps(classifier_settings(config), sort_keys=True)
    classifiers: FixedClassifiers = instantiate(
        config.classifiers, settings=settings, checkpoint_minutes=config.checkpoint_minutes
    )
    return classifiers


def reference_settings(config: DictConfig) -> dict[str, str]:
    """Return the settings that the predictions of networks on original images depend on.

    They are part of the cache keys of the reference adversaries.
    """
    settings = judge_settings(config)
    shared_prefixes = ("classifiers.", "judge.max_epochs", "judge.max_minutes", "judge.batch_size")
    settings = {key: value for key, value in settings.items() if not key.endswith(".weights")}
    shared = {key: value for key, value in settings.items() if key.startswith(shared_prefixes)}
    prefixes: dict[str, tuple[str, ...]] = {
        "panel": ("judge.adversaries.",),
        PAPER: ("judge.paper.",),
        RETRAINED: ("judge.retrained.", "judge.attributes"),
    }
    return {
        name: json.dumps(
            shared | {key: value for key, value in settings.items() if key.startswith(starts)},
            sort_keys=True,
        )
        for name, starts in prefixes.items()
    }


def progress_bars(config: DictConfig) -> AbstractContextManager[None]:
    """Show progress bars if the configuration enables them, on rank zero."""
    return show_bars(config.trainer.enable_progress_bar and is_rank_zero())


def hidden_attributes(privatizer: Privatizer, setup: RunSetup) -> tuple[str, ...]:
    """Return the attributes that a mechanism hides: its own list, or else the configured one."""
    return privatizer.attributes or (setup.task.attribute,)


def judge_all(
    judge: Judge, setup: RunSetup, privatizer: Privatizer, training: dict[str, float]
) -> JudgedRun:
    """Judge a mechanism and, if configured, its baseline (the filter alone).

    Args:
        judge: the judge.
        setup: of the run.
        privatizer: the mechanism.
        training: metrics at the end of its training.

    Returns:
        Evaluations of the mechanism and of the baseline, by hidden attribute. The latter is None
        for a mechanism without a baseline, and empty unless ``baseline=true``.

    Raises:
        UserError: the judge cannot judge these data.
    """
    baseline: dict[str, Evaluation] | None = {}
    if privatizer.baseline is None:
        baseline = None
    elif setup.config.baseline:
        log.info("judging the filter alone, then the filter with the generator")
        baseline = judge_mechanism(judge, setup, privatizer.baseline, training, BASELINE)
    return judge_mechanism(judge, setup, privatizer, training, MECHANISM), baseline


def judge_mechanism(
    judge: Judge, setup: RunSetup, privatizer: Privatizer, training: dict[str, float], name: str
) -> dict[str, Evaluation]:
    """Return evaluations by hidden attribute, with the settings of the judge.

    Args:
        judge: the judge.
        setup: of the run.
        privatizer: the mechanism to judge.
        training: metrics at the end of its training.
        name: MECHANISM or BASELINE; names the folder of cached intermediate results.

    Raises:
        UserError: the judge cannot judge these data.
        Interrupted: a signal asked to stop; call again to resume.
    """
    config, task = setup.config, setup.task
    graph = config.trainer.get("graph", False)  # older runs have no such option
    compute = choose_compute(task.accelerator, task.precision, config.image_size, graph)
    settings = judge_settings(config)
    folder = setup.run.folder.judging / name
    key_parts = [setup.run.fingerprint, settings, name, hash_weights(privatizer)]
    if persons := persons_key(setup.datamodule):
        key_parts.append(persons)
    key = json.dumps(key_parts, sort_keys=True, default=str)
    cache = JudgingCache(folder, key, config.checkpoint_minutes, name == MECHANISM)
    evaluations = {}
    with progress_bars(config):
        for attribute in hidden_attributes(privatizer, setup):
            judgement = judge.judge(
                MechanismSource(privatizer.for_attribute(attribute), setup.datamodule, compute),
                attribute,
                epsilon=task.epsilon,
                epsilon_batch_size=setup.datamodule.batch_size,
                discriminator_loss=training.get("valid/filter/discriminator_loss"),
                cache=cache,
            )
            save_strongest_adversary(judgement, cache, setup, attribute)
            if name == MECHANISM and is_rank_zero():
                setup.run.folder.write_examples(attribute, judgement.faces)
            evaluation = replace(
                with_certificate(judgement.evaluation, privatizer, setup, compute),
                settings=settings,
                panel=panel_name(settings),
            )
            for warning in evaluation.warnings:
                log.warning(warning)
            evaluations[attribute] = evaluation
    return evaluations


def with_certificate(
    evaluation: Evaluation, privatizer: Privatizer, setup: RunSetup, compute: Compute
) -> Evaluation:
    """Return an evaluation with the certificate of a mechanism that has one."""
    mechanism = privatizer.finite_part
    if mechanism is None:
        return evaluation
    attribute, is_released = evaluation.attribute, isinstance(privatizer, FiniteRelease)
    certificate = distributed.broadcast_from_rank_zero(
        lambda: certify_mechanism(mechanism, setup.datamodule, attribute, compute, is_released)
    )
    contradictions = contradiction_warnings(certificate, evaluation.measures)
    return replace(
        evaluation, certificate=certificate, warnings=(*evaluation.warnings, *contradictions)
    )


def save_strongest_adversary(
    judgement: Judgement, cache: JudgingCache, setup: RunSetup, attribute: str
) -> None:
    """Save the strongest adversary against single images, for the demo."""
    networks = cache.weights_path(attribute, judgement.strongest["adversary"])
    if networks is None or not is_rank_zero():
        return
    try:
        weights = read_artifact(networks)
    except (UserError, FileNotFoundError) as error:
        log.warning("the strongest adversary was not saved for the demo: %s", error)
        return
    content = {
        **judgement.strongest,
        "learned": weights,
        "data": setup.datamodule.split_name(),
        "settings": judge_settings(setup.config),
    }
    save_atomically(setup.run.folder.adversary(attribute), content)


def write_result(
    setup: RunSetup,
    training: dict[str, float],
    evaluations: dict[str, Evaluation],
    baseline: dict[str, Evaluation] | None,
) -> Result:
    """Write and return the result, which marks the run as finished.

    Rank zero writes it and deletes cached intermediate results; all ranks return it.
    """
    path = setup.run.folder.result_file
    result = Result(
        data=setup.datamodule.data_name,
        fingerprint=setup.run.fingerprint,
        training=training,
        evaluations=evaluations,
        baseline=baseline,
        environment=describe_environment(
            setup.task.accelerator, setup.task.precision, setup.config.image_size
        ),
        mechanism=setup.config.mechanism,
    )
    if is_rank_zero():
        result.write(path)
        rmtree(setup.run.folder.judging, ignore_errors=True)
    return distributed.broadcast_from_rank_zero(lambda: Result.read(path))
