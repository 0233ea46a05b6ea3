"""A trained run is judged again, and the fixed classifiers are trained that judges ask."""

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
from privacy_gan.config import check_config, instantiate
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.hardware import choose_compute
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.loading import load_mechanism
from privacy_gan.runs.result import Result


def evaluate(config: DictConfig) -> tuple[RunFolder, Result]:
    """Judge a trained run, again or for the first time, and replace what its result says of that.

    Args:
        config: the run's own, its judge, classifiers or data's location changed at will.

    Returns:
        The run's folder and its new result.

    Raises:
        UserError: the run is not trained, its checkpoint is damaged or another run's, ...
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
    """Return the fixed classifiers of a configuration's data, training those that are missing.

    Raises:
        UserError: something in the configuration, the data or the folder is wrong.
    """
    check_config(config)
    datamodule: TableDataModule = instantiate(config.data)
    datamodule.setup()
    names = [find_attribute(name, datamodule.attribute_names) for name in config.judge.attributes]
    trainer = config.trainer
    compute = choose_compute(trainer.accelerator, trainer.precision, config.image_size)
    with process_group_for(config), progress_bars(config):
        return build_fixed_classifiers(config).get(names, datamodule, compute)
