"""The report in Weights & Biases: its tables, its figure, and all of its files as an artifact."""

from __future__ import annotations

from pathlib import Path

from privacy_gan.reporting.formats import CSV_COLUMNS, cells_of
from privacy_gan.reporting.report import Report
from privacy_gan.training.wandb_run import begin


def publish(report: Report, project: str, output: Path) -> None:
    """Send a report to a project, as a run of its own; offline without a key or an answer.

    Args:
        report: that was made.
        project: W&B project.
        output: the report's folder, where tracked data are kept, too.

    Raises:
        UserError: the wandb package is missing.
    """
    import wandb

    name = output.resolve().parent.name
    with begin(output.resolve() / ".wandb", project, "reports", name) as tracked:
        for number in sorted({table.number for table in report.tables}):
            tables = [table for table in report.tables if table.number == number]
            table = wandb.Table(columns=list(CSV_COLUMNS), data=list(cells_of(tables)))
            tracked.log({f"table {number}": table})
        for path in report.files:
            if path.suffix == ".png":
                tracked.log({path.stem: wandb.Image(str(path))})
        artifact = wandb.Artifact("report", type="report")
        for path in report.files:
            artifact.add_file(str(path))
        tracked.log_artifact(artifact)
