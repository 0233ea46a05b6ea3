"""Hold runs on Gaussian toy data against the best possible: python experiments/optimum.py."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands import optimum
from privacy_gan.commands.command_line import job, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="optimum")
@job
def main(config: DictConfig) -> None:
    """Print a line for each run."""
    optimum.main(config)


if __name__ == "__main__":
    start(main)
