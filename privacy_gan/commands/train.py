"""Train a privatizer and judge it: one run, alone or as one of a sweep's."""

from __future__ import annotations

import os

from omegaconf import DictConfig

from privacy_gan.commands.finished import find_finished
from privacy_gan.config import check, has_processes
from privacy_gan.launched import is_launched_with_others
from privacy_gan.reporting.ending import ending
from privacy_gan.sweeping.supervisor import is_swept, own_gpus, run_apart, run_swept


def main(config: DictConfig) -> None:
    """Train and judge what the configuration describes, and print what came out."""
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
            print(outcome(config))


def outcome(config: DictConfig) -> str:
    """Train and judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands.pipeline import train  # after what needs no torch

    return ending(*train(config), details=config.details)
