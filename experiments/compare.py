"""Show finished runs side by side: python experiments/compare.py folder=FOLDER."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands import compare
from privacy_gan.commands.command_line import job, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="compare")
@job
def main(config: DictConfig) -> None:
    """Print a table for each hidden attribute."""
    compare.main(config)


if __name__ == "__main__":
    start(main)
