"""Show finished runs side by side: python experiments/compare.py folder=FOLDER."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from privacy_gan.command import in_one_line, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="compare")
@in_one_line
def main(config: DictConfig) -> None:
    """Print a table for each hidden attribute."""
    from privacy_gan.reporting.side_by_side import compare_runs

    print(compare_runs(Path(config.folder)))


if __name__ == "__main__":
    start(main)
