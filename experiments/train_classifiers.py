"""Train the fixed classifiers of some data: python experiments/train_classifiers.py data=..."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.command import in_one_line, start
from privacy_gan.config import register_with_hydra

register_with_hydra()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@in_one_line
def main(config: DictConfig) -> None:
    """Train those that are missing and say how good they are."""
    from privacy_gan.experiment import train_classifiers  # after mistakes that need no torch

    for name, classifier in train_classifiers(config).items():
        print(f"{name:<22} {classifier.test_accuracy:6.1%} of test images")


if __name__ == "__main__":
    start(main)
