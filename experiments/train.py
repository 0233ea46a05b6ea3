"""Train a privatizer: python experiments/train.py attribute=Smiling epsilon=0.01 ..."""

from __future__ import annotations

import os

import hydra
from omegaconf import DictConfig

from privacy_gan.command import in_one_line, start
from privacy_gan.config import register_with_hydra
from privacy_gan.sweeping.gpus import claimed
from privacy_gan.sweeping.supervisor import is_swept, run_apart, run_swept, starts_processes

register_with_hydra()


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(config: DictConfig) -> None:
    """Train and judge what the configuration describes, alone or as one of a sweep's runs."""
    if is_swept():
        run_swept(config)
    else:
        run(config)


@in_one_line
def run(config: DictConfig) -> None:
    """Train and judge, and say what came out."""
    if starts_processes(config):
        run_apart(config)
        return
    with claimed(config) as gpus:
        os.environ.update(gpus)
        from privacy_gan.experiment import train  # after mistakes that need no torch
        from privacy_gan.summary import summary

        print(summary(*train(config)))


if __name__ == "__main__":
    start(main)
