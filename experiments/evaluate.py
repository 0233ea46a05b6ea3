"""Judge a trained run again: python experiments/evaluate.py run=FOLDER judge.epochs=10 ..."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from privacy_gan.commands.command_line import from_run, job, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@job
def main(config: DictConfig) -> None:
    """Judge what the run's own configuration, with changes, describes."""
    from privacy_gan.commands import evaluate  # after mistakes that need no torch

    evaluate.main(config)


if __name__ == "__main__":
    sys.argv[1:] = from_run(sys.argv[1:])
    start(main)
