"""Train the fixed classifiers of some data."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.config import has_processes
from privacy_gan.sweeping.supervisor import run_apart


def main(config: DictConfig) -> None:
    """Train those that are missing and print how good they are."""
    if has_processes(config.trainer):
        run_apart(config, "train_classifiers")
    else:
        print(outcome(config))


def outcome(config: DictConfig) -> str:
    """Train in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands.pipeline import train_classifiers  # after mistakes without torch

    return "\n".join(
        f"{name:<22} {classifier.test_accuracy:6.1%} of test images"
        for name, classifier in train_classifiers(config).items()
    )
