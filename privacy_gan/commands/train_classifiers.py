"""Train the fixed classifiers of some data."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.commands.pipeline import train_classifiers


def main(config: DictConfig) -> None:
    """Train those that are missing and print how good they are."""
    for name, classifier in train_classifiers(config).items():
        print(f"{name:<22} {classifier.test_accuracy:6.1%} of test images")
