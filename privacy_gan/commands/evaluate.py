"""Judges a trained run again, and trains fixed classifiers."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.attributes import find_attribute
from privacy_gan.commands.judging import (
    build_fixed_classifiers,
    build_judge,
    judge_all,
    progress_bars,
    write_result,
)
from privacy_gan.commands.run_setup import (
    build_trackers,
    lock_on_rank_zero,
    log_result,
    prepare_run,
    process_group_for,
)
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.hardware import choose_compute
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.loading import load_mechanism
from privacy_gan.runs.result import Result


def evaluate(config: DictConfig) -> tuple[RunFolder, Result]:
    """Judge a trained run, for the first time or again, and replace the evaluations in its result.

    Args:
        config: the run's configuration; judge, classifiers and locations of data may be changed.

    Returns:
        The run's folder and its new result.

    Raises:
        UserError: the run is not trained, or its checkpoint is damaged or belongs to another run.
    """
    setup = prepare_run(config)
    folder = setup.run.folder
    result = folder.finished_result()
    setup.run.check_result(result)
    privatizer = load_mechanism(folder.path)
    setup.datamodule.setup()
    judge = build_judge(setup.config)
    with process_group_for(setup.config), lock_on_rank_zero(folder):
        judged = judge_all(judge, setup, privatizer, result.training)
        result = write_result(setup, result.training, *judged)
    log_result(build_trackers(setup.config), folder, result)
    return folder, result


def train_classifiers(config: DictConfig) -> dict[str, FixedClassifier]:
    """Return fixed classifiers by attribute, training those that are missing.

    Raises:
        UserError: the configuration, the data or the folder has an error.
    """
    setup = prepare_run(config)
    config, datamodule = setup.config, setup.datamodule
    datamodule.setup()
    names = [find_attribute(name, datamodule.attribute_names) for name in config.judge.attributes]
    trainer = config.trainer
    hardware = (trainer.accelerator, trainer.precision, config.image_size, trainer.graph)
    compute = choose_compute(*hardware)
    with process_group_for(config), progress_bars(config):
        return build_fixed_classifiers(config).get(names, datamodule, compute)
