"""A finished run's result, shown where the run was tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from privacy_gan.reporting.ending import ending
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Evaluation, Measure, Result
from privacy_gan.training.loggers import GoingOn

COLUMNS = ("measure", "censored", "low", "high", "original", "prior", "floor")


def track_result(tracker: Logger, folder: RunFolder, result: Result) -> None:
    """Show a finished run's result, and end its tracking.

    Weights & Biases gets each measure as a summary value, so that runs can be charted against each
    other, and all of them as a table.
    """
    if isinstance(tracker, GoingOn):
        import wandb

        for who, evaluation in judged(result):
            rows = measure_rows(evaluation.measures)
            tracker.experiment.summary.update({f"{who}/{row[0]}": row[1] for row in rows})
            tracker.log_metrics({who: wandb.Table(columns=list(COLUMNS), data=rows)})
        tracker.experiment.finish()
    elif isinstance(tracker, TensorBoardLogger):
        told = ending(folder, result, details=True)
        indented = "\n".join(f"    {line}" for line in told.splitlines())
        tracker.experiment.add_text("result", indented)
        for who, evaluation in judged(result):
            for name, value, *_ in measure_rows(evaluation.measures):
                if value is not None:
                    tracker.experiment.add_scalar(f"{who}/{name}", value)
        tracker.finalize("success")


def judged(result: Result) -> list[tuple[str, Evaluation]]:
    """Return all evaluations, of the mechanism and of the baseline within it, and their names."""
    return [
        (f"{who}/{attribute}", evaluation)
        for who, evaluations in [("result", result.evaluations), ("baseline", result.baseline)]
        for attribute, evaluation in (evaluations or {}).items()
    ]


def measure_rows(measures: Mapping[str, Measure]) -> list[list[Any]]:
    """Return a row for each measure, as ``COLUMNS`` says."""
    rows: list[list[Any]] = []
    for name, measure in measures.items():
        censored = measure.censored
        interval = (
            (None, None, None)
            if censored is None
            else (censored.value, censored.low, censored.high)
        )
        bounds = (measure.original, measure.prior, measure.floor)
        rows.append([name, *interval, *(bound and bound.value for bound in bounds)])
    return rows
