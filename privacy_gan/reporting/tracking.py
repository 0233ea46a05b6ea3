"""A finished run's result, shown where the run was tracked."""

from __future__ import annotations

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from privacy_gan.reporting.records import FinishedRun, Record, evaluation_rows
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.training.loggers import ResumableWandbLogger

COLUMNS = (
    "measure",
    "censored",
    "low",
    "high",
    "original",
    "majority_baseline",
    "correlation_baseline",
)


def track_result(tracker: Logger, folder: RunFolder, result: Result) -> None:
    """Show a finished run's result, and end its tracking.

    Weights & Biases gets each measure as a summary value, so that runs can be charted against each
    other, and all of them as a table.
    """
    judged = {
        f"{'baseline' if each.is_baseline else 'result'}/{each.attribute}": each.measure_records()
        for each in evaluation_rows(FinishedRun(folder, result))
    }
    if isinstance(tracker, ResumableWandbLogger):
        import wandb

        for who, records in judged.items():
            tracker.experiment.summary.update({f"{who}/{of.metric}": of.value for of in records})
            table = wandb.Table(columns=list(COLUMNS), data=list(map(row, records)))
            tracker.log_metrics({who: table})
        tracker.experiment.finish()
    elif isinstance(tracker, TensorBoardLogger):
        told = run_summary(folder, result, details=True)
        indented = "\n".join(f"    {line}" for line in told.splitlines())
        tracker.experiment.add_text("result", indented)
        for who, records in judged.items():
            for of in records:
                if of.value is not None:
                    tracker.experiment.add_scalar(f"{who}/{of.metric}", of.value)
        tracker.finalize("success")


def row(record: Record) -> list[object]:
    """Return what is shown of a record, as ``COLUMNS`` says."""
    bounds = (record.original, record.majority_baseline, record.correlation_baseline)
    return [record.metric, record.value, record.low, record.high, *bounds]
