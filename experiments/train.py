"""Train a privatizer: python experiments/train.py attribute=Smiling epsilon=0.01 ..."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.command import in_one_line
from privacy_gan.config import register_schema

register_schema()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@in_one_line
def main(config: DictConfig) -> None:
    """Train and judge what the configuration describes, and say what came out."""
    from privacy_gan.experiment import train  # after mistakes that need no torch
    from privacy_gan.summary import summary

    print(summary(*train(config)))


if __name__ == "__main__":
    main()
