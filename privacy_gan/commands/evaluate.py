"""Judge a trained run again."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.commands.pipeline import evaluate
from privacy_gan.reporting.summary import summary


def main(config: DictConfig) -> None:
    """Judge what the run's own configuration, with changes, describes; replace its result."""
    print(summary(*evaluate(config)))
