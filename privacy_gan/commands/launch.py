"""Runs training and judging in this process or in worker processes.

torch is imported only if there is something to compute, so that finished runs and mistakes are
reported quickly.
"""

from __future__ import annotations

import os

from omegaconf import DictConfig

from privacy_gan.cluster_environment import is_launched_externally
from privacy_gan.commands.finished import find_finished_run
from privacy_gan.commands.imports import fast_imports
from privacy_gan.config import check_config, is_distributed
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.sweeping.supervisor import (
    is_multirun,
    reserve_run_gpus,
    run_in_subprocess,
    run_in_sweep,
)


def train(config: DictConfig) -> None:
    """Train and judge a run, by itself or as part of a sweep, and print a summary."""
    if is_multirun():
        run_in_sweep(config)
        return
    check_config(config)
    if not is_launched_externally() and (found := find_finished_run(config)) is not None:
        print(run_summary(*found, details=config.details))
    elif is_distributed(config.trainer):
        run_in_subprocess(config, "train")
    else:
        with reserve_run_gpus(config) as gpus:
            os.environ.update(gpus)
            print(run_training(config))


def evaluate(config: DictConfig) -> None:
    """Judge a trained run again, replace its result and print a summary."""
    if is_distributed(config.trainer):
        run_in_subprocess(config, "evaluate")
    else:
        print(run_evaluation(config))


def train_classifiers(config: DictConfig) -> None:
    """Train the fixed classifiers that are missing and print the test accuracy of all."""
    if is_distributed(config.trainer):
        run_in_subprocess(config, "train_classifiers")
    else:
        print(run_classifier_training(config))


def run_training(config: DictConfig) -> str:
    """Train and judge a run in this process (one rank of a distributed run); return a summary."""
    with fast_imports():
        from privacy_gan.commands import train

    return run_summary(*train.train(config), details=config.details)


def run_evaluation(config: DictConfig) -> str:
    """Judge a run in this process (one rank of a distributed run); return a summary."""
    with fast_imports():
        from privacy_gan.commands import evaluate

    return run_summary(*evaluate.evaluate(config), details=config.details)


def run_classifier_training(config: DictConfig) -> str:
    """Train fixed classifiers in this process (one rank of a distributed run); return a table."""
    with fast_imports():
        from privacy_gan.commands import evaluate

    return "\n".join(
        f"{name:<22} test accuracy {classifier.test_accuracy:6.1%}"
        for name, classifier in evaluate.train_classifiers(config).items()
    )


# what a worker process runs, by command
WORKER_FUNCTIONS = {
    "train": run_training,
    "evaluate": run_evaluation,
    "train_classifiers": run_classifier_training,
}
