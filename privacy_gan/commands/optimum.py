"""Hold runs on Gaussian toy data against the best possible."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.reporting.optimum_gap import compare_with_optimum
from privacy_gan.reporting.summary import PERCENT, aligned


def main(config: DictConfig) -> None:
    """Print a line for each run."""
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
