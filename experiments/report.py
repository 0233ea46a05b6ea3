"""Report on all runs below a folder: python experiments/report.py folder=FOLDER."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from privacy_gan.commands import report
from privacy_gan.commands.command_line import job, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="report")
@job
def main(config: DictConfig) -> None:
    """Write figures, tables and a page; print what is worth reading at once."""
    report.main(config)


if __name__ == "__main__":
    start(main)
