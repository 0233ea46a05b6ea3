"""Judge a trained run again."""

from __future__ import annotations

from omegaconf import DictConfig

from privacy_gan.config import has_processes
from privacy_gan.sweeping.supervisor import run_apart


def main(config: DictConfig) -> None:
    """Judge what the run's own configuration, with changes, describes; replace its result."""
    if has_processes(config.trainer):
        run_apart(config, "evaluate")
    else:
        print(outcome(config))


def outcome(config: DictConfig) -> str:
    """Judge in this process, or in those that it is one of; return what to tell."""
    from privacy_gan.commands.pipeline import evaluate  # after mistakes that need no torch
    from privacy_gan.reporting.ending import ending

    return ending(*evaluate(config), details=config.details)
