"""Where that is computed which takes long: in this process, or in processes of its own.

torch is imported when there is something to compute: what was done before, or cannot be, is told
without.
"""

from __future__ import annotations

import os

from omegaconf import DictConfig

from privacy_gan.commands.finished import find_finished
from privacy_gan.config import check, has_processes
from privacy_gan.launched import is_launched_with_others
from privacy_gan.reporting.ending import ending
from privacy_gan.sweeping.supervisor import is_swept, own_gpus, run_apart, run_swept


def train(config: DictConfig) -> None:
    """Train and judge a run, alone or as one of a sweep's, and print what came out."""
    if is_swept():
        run_swept(config)
        return
    check(config)
    if not is_launched_with_others() and (found := find_finished(config)) is not None:
        print(ending(*found, details=config.details))
    elif has_processes(config.trainer):
        run_apart(config, "train")
    else:
        with own_gpus(config) as gpus:
            os.environ.update(gpus)
            print(trained(config))


def evaluate(config: DictConfig) -> None:
    """Judge what a run's own configuration, with changes, describes; replace its result."""
    if has_processes(config.trainer):
        run_apart(config, "evaluate")
    else:
        print(judged_again(config))


def train_classifiers(config: DictConfig) -> None:
    """Train those fixed classifiers that are missing and print how good they are."""
    if has_processes(config.trainer):
        run_apart(config, "train_classifiers")
    else:
        print(classifiers_trained(config))


def trained(config: DictConfig) -> str:
    """Train and judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import train

    return ending(*train.train(config), details=config.details)


def judged_again(config: DictConfig) -> str:
    """Judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import evaluate

    return ending(*evaluate.evaluate(config), details=config.details)


def classifiers_trained(config: DictConfig) -> str:
    """Train in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands import evaluate

    return "\n".join(
        f"{name:<22} {classifier.test_accuracy:6.1%} of test images"
        for name, classifier in evaluate.train_classifiers(config).items()
    )


# what each of a command's processes does, by the verb
IN_PROCESSES = {
    "train": trained,
    "evaluate": judged_again,
    "train_classifiers": classifiers_trained,
}
