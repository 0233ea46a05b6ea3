"""Train the fixed classifiers of some data: python experiments/train_classifiers.py data=..."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands.command_line import job, register_with_hydra, start

register_with_hydra()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@job
def main(config: DictConfig) -> None:
    """Train those that are missing."""
    from privacy_gan.commands import train_classifiers  # after mistakes that need no torch

    train_classifiers.main(config)


if __name__ == "__main__":
    start(main)
