"""A sweep's trade-off in Weights & Biases: a table of its runs, and privacy against utility."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from privacy_gan.reporting.budget import is_missed
from privacy_gan.reporting.judged import Judged, judged_in
from privacy_gan.reporting.leading import leading
from privacy_gan.reporting.reading import FinishedRun
from privacy_gan.reporting.summary import name_of
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.identity import short_hash
from privacy_gan.training.wandb_run import begin

COLUMNS: list[str | int] = [
    "run",
    "mechanism",
    "attribute",
    "epsilon",
    "distortion",
    "budget",
    "most leaks by",
    "leak",
    "normalized leak",
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
        scatter = wandb.plot.scatter(table, "normalized leak", "utility score", "Trade-off")
        tracked.log({"runs": table, "trade-off": scatter})


def points(name: str, folder: Path) -> list[list[object]]:
    """Return a row for each thing that was judged in a run, as ``COLUMNS`` says.

    The normalized leak, of the measure by which most leaks, is 0 for guessing and 1 for original
    images, whatever that measure is.
    """
    run = RunFolder(folder)
    result = run.result()
    if result is None:
        return []
    return [row(name, each) for each in judged_in(FinishedRun(run, result))]


def budget_told(judged: Judged) -> str:
    """Return what became of the budget, in a word."""
    if judged.budget is None:
        return "none"
    return "missed" if is_missed(judged.evaluation, judged.budget) else "kept"


def row(name: str, judged: Judged) -> list[object]:
    """Return what was judged in a run, as ``COLUMNS`` says."""
    leak = leading(judged.evaluation)
    measures = ("privacy_loss", "paper_privacy_loss", "utility_score")
    return [
        *(name, judged.mechanism, judged.attribute, judged.epsilon, judged.value("distortion")),
        budget_told(judged),
        *(name_of(leak.measure), leak.told.value, leak.gain),
        *map(judged.value, measures),
    ]
