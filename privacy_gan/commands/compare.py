"""Show finished runs side by side."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.reporting.side_by_side import compare_runs


def main(config: DictConfig) -> None:
    """Print a table for each hidden attribute."""
    print(compare_runs(Path(config.folder)))
