"""Judge a trained run again: python experiments/evaluate.py run=FOLDER judge.epochs=10 ..."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from privacy_gan.command import from_run, in_one_line, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
@in_one_line
def main(config: DictConfig) -> None:
    """Judge what the run's own configuration, with changes, describes; replace its result."""
    from privacy_gan.experiment import evaluate  # after mistakes that need no torch
    from privacy_gan.summary import summary

    print(summary(*evaluate(config)))


if __name__ == "__main__":
    sys.argv[1:] = from_run(sys.argv[1:])
    start(main)
