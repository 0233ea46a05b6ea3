"""Hold runs on numbers against the best possible: python experiments/optimum.py folder=FOLDER."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from privacy_gan.command import in_one_line, start


@hydra.main(version_base="1.3", config_path="../conf", config_name="optimum")
@in_one_line
def main(config: DictConfig) -> None:
    """Print a line a run."""
    from privacy_gan.evaluation.comparison import compare_with_optimum
    from privacy_gan.summary import PERCENT, aligned

    rows = [["run", "epsilon", "distortion", "adversary, one query", "optimum", "gap"]]
    for run in compare_with_optimum(Path(config.folder)):
        interval = f"[{run.accuracy.low * 100:.1f}, {PERCENT(run.accuracy.high)}]"
        rows.append(
            [
                str(run.folder),
                f"{run.epsilon:g}",
                f"{run.distortion:.3f}",
                f"{PERCENT(run.accuracy.value)} {interval}",
                PERCENT(run.optimum),
                PERCENT(run.gap),
            ]
        )
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    start(main)
