"""A sweep's trade-off in Weights & Biases: a table of its runs, and privacy against utility."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from privacy_gan.reporting.judged import judged_in
from privacy_gan.reporting.reading import FinishedRun
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.identity import short_hash
from privacy_gan.training.wandb_run import begin

COLUMNS: list[str | int] = [
    "run",
    "mechanism",
    "attribute",
    "epsilon",
    "privacy loss",
    "privacy loss, the paper's way",
    "utility score",
]


def chart_sweep(runs: Mapping[str, Path], project: str, group: str, output_dir: str) -> None:
    """Show a sweep's finished runs in a tracked run of their own, called "sweep".

    Args:
        runs: folders by the runs' names.
        project: W&B project.
        group: that the runs belong to.
        output_dir: where tracked data are kept.
    """
    rows = [row for name, folder in runs.items() for row in points(name, folder)]
    if not rows:
        return
    import wandb

    folder = Path(output_dir).resolve() / f".wandb-{short_hash(group)}"
    with begin(folder, project, group, "sweep") as tracked:
        table = wandb.Table(columns=COLUMNS, data=rows)
        scatter = wandb.plot.scatter(table, "privacy loss", "utility score", "Trade-off")
        tracked.log({"runs": table, "trade-off": scatter})


def points(name: str, folder: Path) -> list[list[object]]:
    """Return a row for each thing that was judged in a run, as ``COLUMNS`` says."""
    run = RunFolder(folder)
    result = run.result()
    if result is None:
        return []
    measures = ("privacy_loss", "paper_privacy_loss", "utility_score")
    return [
        [name, each.mechanism, each.attribute, each.epsilon, *map(each.value, measures)]
        for each in judged_in(FinishedRun(run, result))
    ]
