"""One run, from its configuration to its result: train, judge, write the result."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger

from privacy_gan import distributed
from privacy_gan.cluster_environment import is_rank_zero
from privacy_gan.commands.finished import report_finished
from privacy_gan.commands.judging import (
    NOT_JUDGED,
    build_judge,
    hidden_attributes,
    judge_all,
    write_result,
)
from privacy_gan.commands.run_setup import (
    RunSetup,
    build_privatizer,
    build_trackers,
    lock_on_rank_zero,
    log_result,
    prepare_run,
    process_group_for,
)
from privacy_gan.config import instantiate
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.loading import load_initial_weights
from privacy_gan.runs.result import Result
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.fit import build_trainer, fit
from privacy_gan.training.gradient_free import fit_without_gradients

log = logging.getLogger(__name__)


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
    setup = prepare_run(config)
    with process_group_for(setup.config):
        return setup.run.folder, load_finished_result(setup) or train_and_judge(setup)


def train_and_judge(setup: RunSetup) -> Result:
    """Train and judge a run that is not finished; all its processes do together."""
    config, folder = setup.config, setup.run.folder
    privatizer = build_privatizer(setup)
    setup.datamodule.setup()
    judge = build_judge(config)
    if config.evaluate:
        for attribute in hidden_attributes(privatizer, setup):
            judge.check(setup.datamodule, attribute)
    trackers = build_trackers(config)
    with lock_on_rank_zero(folder):
        if (result := load_finished_result(setup)) is not None:  # by a second sweep, in the meantime
            return result
        training = train_privatizer(setup, privatizer, trackers)
        if privatizer.state_dict() and not distributed.broadcast_from_rank_zero(
            folder.checkpoint.exists
        ):
            raise UserError(
                f"training ended without {folder.checkpoint}, so nobody could load the mechanism "
                "again: leave out limits of the trainer that keep it from training at all"
            )
        judged = judge_all(judge, setup, privatizer, training) if config.evaluate else NOT_JUDGED
        result = write_result(setup, training, *judged)
    log_result(trackers, folder, result)
    return result


def load_finished_result(setup: RunSetup) -> Result | None:
    """Return a run's result if all that is asked for is in it."""
    config, run = setup.config, setup.run
    result = distributed.broadcast_from_rank_zero(
        lambda: run.complete_result(config.evaluate, config.baseline)
    )
    if result is not None:
        report_finished(config, run.folder, result)
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
            partial(instantiate, config.trainer, image_size=config.image_size),
            run,
            datamodule,
            setup.column,
            config.checkpoint_minutes,
            setup.task.epsilon if config.trainer.enable_progress_bar else None,
            trackers,
        )
        checkpoint = distributed.broadcast_from_rank_zero(RunCheckpointIO(run).find_checkpoint)
        if checkpoint is None and config.get("start_from") is not None:
            load_initial_weights(privatizer, config.start_from)
        if is_rank_zero():
            run.folder.write_config(text)  # only now: a refused command changes nothing
            log.info("training in %s", run.folder.path)
        return fit(trainer, privatizer, datamodule, checkpoint)
    if config.get("start_from") is not None:
        raise UserError(f"start_from={config.start_from}: {config.mechanism} trains no networks")
    device = choose_compute(setup.task.accelerator, setup.task.precision).device
    found = fit_without_gradients(run, privatizer, datamodule, setup.column, device)
    if is_rank_zero():
        run.folder.write_config(text)
    return found
