"""Train a privatizer: python experiments/train.py attribute=Smiling epsilon=0.01 ..."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands import train
from privacy_gan.commands.command_line import job, register_with_hydra, start

register_with_hydra()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@job
def main(config: DictConfig) -> None:
    """Train and judge what the configuration describes."""
    train.main(config)


if __name__ == "__main__":
    start(main)
