"""Censor a folder of photographs: python experiments/privatize.py run=RUN input=IN output=OUT."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from privacy_gan.commands.command_line import job, start, with_names_as_typed


@hydra.main(version_base="1.3", config_path="../conf", config_name="privatize")
@job
def main(config: DictConfig) -> None:
    """Censor the folder and say what became of it."""
    from privacy_gan.commands import privatize  # after mistakes that need no torch

    privatize.main(config)


if __name__ == "__main__":
    sys.argv[1:] = with_names_as_typed(sys.argv[1:], ["run", "input", "output"])
    start(main)
