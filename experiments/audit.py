"""Audit images that somebody censored: python experiments/audit.py images=... labels=... ..."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from privacy_gan.commands.command_line import job, start, with_names_as_typed

NAMES = ["images", "labels", "original", "split", "person", "output", "cache_dir"]


@hydra.main(version_base="1.3", config_path="../conf", config_name="audit")
@job
def main(config: DictConfig) -> None:
    """Train adversaries on the images and say what they learned."""
    from privacy_gan.commands import audit  # after mistakes that need no torch

    audit.main(config)


if __name__ == "__main__":
    sys.argv[1:] = with_names_as_typed(sys.argv[1:], NAMES)
    start(main)
