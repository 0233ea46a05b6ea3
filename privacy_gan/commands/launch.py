"""Where that is computed which takes long: in this process, or in processes of its own.

torch is imported when there is something to compute: what was done before, or cannot be, is told
without.
"""

from __future__ import annotations

import os

from omegaconf import DictConfig

from privacy_gan.cluster_environment import is_launched_externally
from privacy_gan.commands.finished import find_finished_run
from privacy_gan.config import check_config, is_distributed
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.sweeping.supervisor import (
    is_multirun,
    reserve_run_gpus,
    run_in_subprocess,
    run_in_sweep,
)


def train(config: DictConfig) -> None:
    """Train and judge a run, alone or as one of a sweep's, and print what came out."""
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
    """Judge what a run's own configuration, with changes, describes; replace its result."""
    if is_distributed(config.trainer):
        run_in_subprocess(config, "evaluate")
    else:
        print(run_evaluation(config))


def train_classifiers(config: DictConfig) -> None:
    """Train those fixed classifiers that are missing and print how good they are."""
    if is_distributed(config.trainer):
        run_in_subprocess(config, "train_classifiers")
    else:
        print(run_classifier_training(config))


def run_training(config: DictConfig) -> str:
    """Train and judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import train

    return run_summary(*train.train(config), details=config.details)


def run_evaluation(config: DictConfig) -> str:
    """Judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import evaluate

    return run_summary(*evaluate.evaluate(config), details=config.details)


def run_classifier_training(config: DictConfig) -> str:
    """Train in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import evaluate

    return "\n".join(
        f"{name:<22} {classifier.test_accuracy:6.1%} of test images"
        for name, classifier in evaluate.train_classifiers(config).items()
    )


# what each of a command's processes does, by the verb
WORKER_FUNCTIONS = {
    "train": run_training,
    "evaluate": run_evaluation,
    "train_classifiers": run_classifier_training,
}
