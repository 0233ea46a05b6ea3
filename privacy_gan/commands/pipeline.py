"""One run, from its configuration to its result: train, judge, write the result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from shutil import rmtree

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger

from privacy_gan import replicas
from privacy_gan.attributes import find_attribute
from privacy_gan.commands.building import (
    RunSetup,
    build_bookmarks,
    build_fixed_classifiers,
    build_judge,
    build_privatizer,
    build_trackers,
    open_run,
)
from privacy_gan.commands.environment import environment
from privacy_gan.commands.finished import tell_finished
from privacy_gan.commands.settings import judge_settings
from privacy_gan.config import build, check, has_processes
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.bookmark import Content
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.measures import probing_gap
from privacy_gan.evaluation.scores import bits_from
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import choose_compute
from privacy_gan.launched import is_first_process
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.progress import bars_shown
from privacy_gan.reporting.tracking import track_result
from privacy_gan.runs.checkpoint import save
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.loading import load_privatizer, start_from
from privacy_gan.runs.result import Evaluation, Measure, Result
from privacy_gan.training.adaptation import adapt
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.connection import connected
from privacy_gan.training.fit import build_trainer, fit

log = logging.getLogger(__name__)

Judged = tuple[dict[str, Evaluation], dict[str, Evaluation] | None]
NOT_JUDGED: Judged = ({}, {})
MECHANISM, BASELINE = "mechanism", "baseline"


def train(config: DictConfig) -> tuple[RunFolder, Result]:
    """Train a run and judge it, or go on with it, or find it finished.

    Args:
        config: as conf/train.yaml describes it; the run's folder must be resolvable.

    Returns:
        The run's folder and its result, see docs/judging.md.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    setup = open_run(config)
    with connected_as(setup.config):
        return setup.run.folder, finished_result(setup) or trained_and_judged(setup)


def trained_and_judged(setup: RunSetup) -> Result:
    """Train and judge a run that is not finished; all its processes do together."""
    config, folder = setup.config, setup.run.folder
    privatizer = build_privatizer(setup)
    setup.datamodule.setup()
    judge = build_judge(config)
    if config.evaluate:
        for attribute in hidden_attributes(privatizer, setup):
            judge.check(setup.datamodule, attribute)
    trackers = build_trackers(config)
    with first_locks(folder):
        if (result := finished_result(setup)) is not None:  # by a second sweep, in the meantime
            return result
        training = train_privatizer(setup, privatizer, trackers)
        if privatizer.state_dict() and not replicas.of_first(folder.checkpoint.exists):
            raise UserError(
                f"training ended without {folder.checkpoint}, so nobody could load the mechanism "
                "again: leave out limits of the trainer that keep it from training at all"
            )
        judged = judge_all(judge, setup, privatizer, training) if config.evaluate else NOT_JUDGED
        result = write_result(setup, training, *judged)
    track(trackers, folder, result)
    return result


def connected_as(config: DictConfig) -> AbstractContextManager[None]:
    """Connect this process with the others, where the trainer has several."""
    if not has_processes(config.trainer):
        return nullcontext()
    return connected(choose_compute(config.trainer.accelerator, config.trainer.precision).device)


def bars_as(config: DictConfig) -> AbstractContextManager[None]:
    """Show progress where that is wanted, and once."""
    return bars_shown(config.trainer.enable_progress_bar and is_first_process())


def first_locks(folder: RunFolder) -> AbstractContextManager[None]:
    """Keep other runs' processes out of a folder; the first of this run's does."""
    return folder.lock() if is_first_process() else nullcontext()


def finished_result(setup: RunSetup) -> Result | None:
    """Return a run's result if all that is asked for is in it."""
    config, result = setup.config, replicas.of_first(setup.run.result)
    if result is None or not result.is_complete(config.evaluate, config.baseline):
        return None
    tell_finished(config, setup.run.folder, result)
    return result


def train_privatizer(
    setup: RunSetup, privatizer: Privatizer, trackers: Sequence[Logger]
) -> dict[str, float]:
    """Train a mechanism, or adapt it to the data; return what was measured of it.

    Raises:
        UserError: a checkpoint is damaged or another run's, or the machine lacks a device.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    config, run, datamodule = setup.config, setup.run, setup.datamodule
    text = OmegaConf.to_yaml(config)
    if isinstance(privatizer, pl.LightningModule):
        trainer = build_trainer(
            partial(build, config.trainer, image_size=config.image_size),
            run,
            datamodule,
            setup.column,
            config.checkpoint_minutes,
            setup.task.epsilon if config.trainer.enable_progress_bar else None,
            trackers,
        )
        checkpoint = replicas.of_first(RunCheckpointIO(run).find_own)
        if checkpoint is None and config.get("start_from") is not None:
            start_from(privatizer, config.start_from)
        if is_first_process():
            run.folder.write_config(text)  # only now: a refused command changes nothing
            log.info("training in %s", run.folder.path)
        return fit(trainer, privatizer, datamodule, checkpoint)
    if config.get("start_from") is not None:
        raise UserError(f"start_from={config.start_from}: {config.mechanism} trains no networks")
    device = choose_compute(setup.task.accelerator, setup.task.precision).device
    found = adapt(run, privatizer, datamodule, setup.column, device)
    if is_first_process():
        run.folder.write_config(text)
    return found


def evaluate(config: DictConfig) -> tuple[RunFolder, Result]:
    """Judge a trained run, again or for the first time, and replace what its result says of that.

    Args:
        config: the run's own, its judge, classifiers or data's location changed at will.

    Returns:
        The run's folder and its new result.

    Raises:
        UserError: the run is not trained, its checkpoint is damaged or another run's, ...
    """
    setup = open_run(config)
    folder = setup.run.folder
    result = folder.finished_result()
    setup.run.require_own(result)
    privatizer = load_privatizer(folder.path)
    setup.datamodule.setup()
    judge = build_judge(setup.config)
    with connected_as(setup.config), first_locks(folder):
        judged = judge_all(judge, setup, privatizer, result.training)
        result = write_result(setup, result.training, *judged)
    track(build_trackers(setup.config), folder, result)
    return folder, result


def track(trackers: Sequence[Logger], folder: RunFolder, result: Result) -> None:
    """Show a run's result where the run is tracked."""
    if is_first_process():
        for tracker in trackers:
            track_result(tracker, folder, result)


def train_classifiers(config: DictConfig) -> dict[str, FixedClassifier]:
    """Return the fixed classifiers of a configuration's data, training those that are missing.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
    """
    check(config)
    datamodule: TableDataModule = build(config.data)
    datamodule.setup()
    names = [find_attribute(name, datamodule.attribute_names) for name in config.judge.attributes]
    trainer = config.trainer
    compute = choose_compute(trainer.accelerator, trainer.precision, config.image_size)
    with connected_as(config), bars_as(config):
        return build_fixed_classifiers(config).get(names, datamodule, compute)


def hidden_attributes(privatizer: Privatizer, setup: RunSetup) -> tuple[str, ...]:
    """Return the attributes that a mechanism hides; most hide the configured one."""
    return privatizer.attributes or (setup.task.attribute,)


def judge_all(
    judge: Judge, setup: RunSetup, privatizer: Privatizer, training: dict[str, float]
) -> Judged:
    """Return what is found of a mechanism, and of the baseline within it, by hidden attribute.

    The latter is None where there is no baseline, and empty where nobody asked for it.

    Args:
        judge: who finds it.
        setup: of the run.
        privatizer: the mechanism.
        training: what was measured at the end of its training.

    Raises:
        UserError: the judge cannot judge these data.
    """
    baseline: dict[str, Evaluation] | None = {}
    if privatizer.baseline is None:
        baseline = None
    elif setup.config.baseline:
        log.info("judging the filter alone, then with the generator")
        baseline = judge_mechanism(judge, setup, privatizer.baseline, training, BASELINE)
    return judge_mechanism(judge, setup, privatizer, training, MECHANISM), baseline


def judge_mechanism(
    judge: Judge, setup: RunSetup, privatizer: Privatizer, training: dict[str, float], who: str
) -> dict[str, Evaluation]:
    """Return what the judge finds, by hidden attribute, and how the judge was configured.

    Raises:
        UserError: it cannot judge these data.
        Interrupted: a signal asked to stop; the same call goes on.
    """
    task, image_size = setup.task, setup.config.image_size
    compute = choose_compute(task.accelerator, task.precision, image_size)
    evaluations = {}
    with bars_as(setup.config):
        for attribute in hidden_attributes(privatizer, setup):
            evaluation = judge.judge(
                MechanismSource(privatizer.for_attribute(attribute), setup.datamodule, compute),
                attribute,
                epsilon=setup.task.epsilon,
                epsilon_batch_size=setup.datamodule.batch_size,
                bookmarks=build_bookmarks(setup, privatizer, who),
                keep=keeping(setup, attribute) if who == MECHANISM else None,
            )
            for warning in evaluation.warnings:
                log.warning(warning)
            evaluations[attribute] = replace(
                evaluation,
                measures=evaluation.measures | gap_of(evaluation, setup, training),
                settings=judge_settings(setup.config),
            )
    return evaluations


def keeping(setup: RunSetup, attribute: str) -> Callable[[Content], None]:
    """Return what keeps an attribute's strongest adversary, and how the judge was configured."""

    def keep(content: Content) -> None:
        path = setup.run.folder.adversary(attribute)
        save(path, {**content, "settings": judge_settings(setup.config)})

    return keep


def gap_of(
    evaluation: Evaluation, setup: RunSetup, training: dict[str, float]
) -> dict[str, Measure]:
    """Return the probing gap, where the mechanism has a filter and so h_f."""
    loss = training.get("valid/filter/discriminator_loss")
    if loss is None:
        return {}
    labels = setup.datamodule.labels("valid")[:, setup.column]
    return probing_gap(evaluation.adversaries, bits_from(loss, labels))


def write_result(
    setup: RunSetup,
    training: dict[str, float],
    evaluations: dict[str, Evaluation],
    baseline: dict[str, Evaluation] | None,
) -> Result:
    """Write and return the result; with it the run is finished."""
    path = setup.run.folder.result_file
    result = Result(
        data=setup.datamodule.data_name,
        identity=setup.run.identity,
        training=training,
        evaluations=evaluations,
        baseline=baseline,
        environment=environment(
            setup.task.accelerator, setup.task.precision, setup.config.image_size
        ),
        mechanism=setup.config.mechanism,
    )
    if is_first_process():
        result.write(path)
        rmtree(setup.run.folder.judging, ignore_errors=True)
    return replicas.of_first(lambda: Result.read(path))
