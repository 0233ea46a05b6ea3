"""Trains and judges a run, resuming it if it was interrupted."""

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
    progress_bars,
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
from privacy_gan.training.gradient_free import fit_parts, fit_without_gradients, refuse_fitted_parts
from privacy_gan.training.subspace import require_budget

log = logging.getLogger(__name__)


def train(config: DictConfig) -> tuple[RunFolder, Result]:
    """Train and judge a run. Resume an interrupted run; return the result of a finished one.

    Args:
        config: see conf/train.yaml; ``run_dir`` must be resolvable.

    Returns:
        The run's folder and its result, see docs/judging.md.

    Raises:
        UserError: the configuration, the data or the folder has an error.
        Interrupted: a signal asked to stop; call again to resume.
    """
    setup = prepare_run(config)
    with process_group_for(setup.config):
        return setup.run.folder, load_finished_result(setup) or train_and_judge(setup)


def train_and_judge(setup: RunSetup) -> Result:
    """Train and judge an unfinished run. All ranks call this."""
    config, folder = setup.config, setup.run.folder
    privatizer = build_privatizer(setup)
    setup.datamodule.setup()
    if setup.datamodule.certify and privatizer.finite_part is None and is_rank_zero():
        log.warning(
            "data.certify=%g keeps images of training persons for a certificate, but this "
            "mechanism can have none, so that they are not used",
            setup.datamodule.certify,
        )
    judge = build_judge(config)
    if config.evaluate:
        for attribute in hidden_attributes(privatizer, setup):
            judge.check(setup.datamodule, attribute)
    trackers = build_trackers(config)
    with lock_on_rank_zero(folder):
        if (result := load_finished_result(setup)) is not None:  # another process finished it
            return result
        if is_rank_zero() and (made := setup.datamodule.made_splits()) is not None:
            folder.write_splits(*made)
        training = train_privatizer(setup, privatizer, trackers)
        if privatizer.state_dict() and not distributed.broadcast_from_rank_zero(
            folder.checkpoint.exists
        ):
            raise UserError(
                f"training ended without writing {folder.checkpoint}: remove the trainer limits "
                "that prevent training"
            )
        judged = judge_all(judge, setup, privatizer, training) if config.evaluate else NOT_JUDGED
        result = write_result(setup, training, *judged)
    log_result(trackers, folder, result)
    return result


def load_finished_result(setup: RunSetup) -> Result | None:
    """Return a run's result if it has everything that the configuration asks for, or None."""
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
    """Train a mechanism, or fit it to the data without gradients; return its final metrics.

    Raises:
        UserError: a checkpoint is damaged or belongs to another run, or a device is missing.
        Interrupted: a signal asked to stop; call again to resume.
    """
    config, run, datamodule = setup.config, setup.run, setup.datamodule
    text = OmegaConf.to_yaml(config)
    device = choose_compute(setup.task.accelerator, setup.task.precision).device
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
            refuse_fitted_parts(privatizer, config.start_from)
            load_initial_weights(privatizer, config.start_from)
            require_budget(privatizer)
        elif checkpoint is None:
            with progress_bars(config):
                fit_parts(privatizer, datamodule, setup.column, device)
        if is_rank_zero():
            run.folder.write_config(text)  # only now, so that a refused command changes nothing
            log.info("training in %s", run.folder.path)
        return fit(trainer, privatizer, datamodule, checkpoint)
    if config.get("start_from") is not None:
        raise UserError(
            f"start_from={config.start_from}: {config.mechanism} trains no networks, so remove "
            "start_from"
        )
    with progress_bars(config):
        metrics = fit_without_gradients(run, privatizer, datamodule, setup.column, device)
    if is_rank_zero():
        run.folder.write_config(text)
    return metrics
