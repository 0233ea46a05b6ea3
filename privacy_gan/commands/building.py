"""Builds what a configuration describes: the run and its data, the mechanism, the judge."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from privacy_gan.commands.settings import classifier_settings, judge_settings
from privacy_gan.config import Task, build, check, completed, resolve, settings_of
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.bookmark import Bookmarks
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.references import References
from privacy_gan.evaluation.retrained import RETRAINED
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs.folder import Run, run_of


@dataclass(frozen=True)
class RunSetup:
    """A run, before it is trained.

    Attributes:
        config: resolved.
        task: what the run is about.
        run: what it is, and its folder.
        datamodule: its data, not set up.
    """

    config: DictConfig
    task: Task
    run: Run
    datamodule: TableDataModule

    @property
    def column(self) -> int:
        """The sensitive attribute's, among the batch's attributes."""
        return self.datamodule.column(self.task.attribute)


def open_run(config: DictConfig) -> RunSetup:
    """Return what a configuration is about.

    Raises:
        UserError: a value is out of its range, or the data are not there.
    """
    check(config)
    datamodule: TableDataModule = build(config.data)
    task = resolve(config, datamodule.attribute_names)
    datamodule.group = task.group
    config = completed(config, task)
    run = run_of(settings_of(config), datamodule.content_key())
    return RunSetup(config, task, run, datamodule)


def build_privatizer(setup: RunSetup) -> Privatizer:
    """Return a mechanism whose initial weights are a function of the seed.

    Raises:
        UserError: the mechanism cannot be built as configured.
    """
    seed = setup.config.seed
    pl.seed_everything(seed, verbose=False)
    privatizer: Privatizer = build(setup.config.privatizer, attribute_index=setup.column, seed=seed)
    return privatizer.to(memory_format=torch.channels_last)


def build_trackers(config: DictConfig) -> list[Logger]:
    """Return the trackers that log the run beside metrics.csv.

    Raises:
        UserError: a package is missing.
    """
    trackers: list[Logger] = [build(node) for node in config.logger.values()]
    for tracker in trackers:
        tracker.log_hyperparams(settings_of(config))
    return trackers


def build_judge(config: DictConfig) -> Judge:
    """Return the judge.

    Raises:
        UserError: it cannot be built as configured.
    """
    judge: Judge = build(
        config.judge,
        classifiers=build_fixed_classifiers(config),
        references=build_references(config),
    )
    return judge


def build_fixed_classifiers(config: DictConfig) -> FixedClassifiers:
    """Return the fixed classifiers, which are trained when they are first asked for."""
    settings = json.dumps(classifier_settings(config), sort_keys=True)
    classifiers: FixedClassifiers = build(
        config.classifiers, settings=settings, checkpoint_minutes=config.checkpoint_minutes
    )
    return classifiers


def build_references(config: DictConfig) -> References:
    """Return the reference answers on original images, the adversaries' and the classifier's."""
    settings = judge_settings(config)
    of_all = {
        key: value
        for key, value in settings.items()
        if key.startswith("classifiers.") or key in ("judge.epochs", "judge.batch_size")
    }
    own: dict[str, tuple[str, ...]] = {
        name: (f"judge.adversaries.{name}.",) for name in config.judge.adversaries
    }
    own[RETRAINED] = ("judge.retrained.", "judge.attributes")
    by_learner = {
        name: json.dumps(
            of_all | {key: value for key, value in settings.items() if key.startswith(prefixes)},
            sort_keys=True,
        )
        for name, prefixes in own.items()
    }
    folder, seed = config.classifiers.folder, config.classifiers.seed
    return References(folder, seed, by_learner, config.checkpoint_minutes)


def build_bookmarks(setup: RunSetup, privatizer: Privatizer, who: str) -> Bookmarks:
    """Return where it is kept how far the judgement of a run is.

    Args:
        setup: of the run.
        privatizer: the mechanism that is judged, trained.
        who: it is, the run's mechanism or the baseline within it.
    """
    config = setup.config
    decisive = [setup.run.identity, judge_settings(config), who, weights_key(privatizer)]
    key = json.dumps(decisive, sort_keys=True, default=str)
    return Bookmarks(setup.run.folder.judging / who, key, config.checkpoint_minutes)


def weights_key(module: torch.nn.Module) -> str:
    """Return what changes with a module's weights, be it by one bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
