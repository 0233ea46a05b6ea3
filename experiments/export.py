"""Export a trained run as a folder to hand on: python experiments/export.py run=RUN output=OUT."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from privacy_gan.commands.command_line import job, start, with_names_as_typed


@hydra.main(version_base="1.3", config_path="../conf", config_name="export")
@job
def main(config: DictConfig) -> None:
    """Write the folder and say what is in it."""
    from privacy_gan.commands import export  # after mistakes that need no torch

    export.main(config)


if __name__ == "__main__":
    sys.argv[1:] = with_names_as_typed(sys.argv[1:], ["run", "output"])
    start(main)
