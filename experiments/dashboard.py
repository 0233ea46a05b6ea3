"""Save a sweep's dashboard in Weights & Biases: python experiments/dashboard.py group=GROUP."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands import dashboard
from privacy_gan.commands.command_line import job, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="dashboard")
@job
def main(config: DictConfig) -> None:
    """Save it and print its address."""
    dashboard.main(config)


if __name__ == "__main__":
    start(main)
