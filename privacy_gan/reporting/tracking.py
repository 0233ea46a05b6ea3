"""Sends the result of a finished run to its tracker."""

from __future__ import annotations

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from privacy_gan.reporting.finished_runs import FinishedRun
from privacy_gan.reporting.records import Record, evaluation_rows
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
    "bound",
    "original_bound",
)
DONE = "adversaries_done"  # if not, the adversaries' values are lower bounds


def track_result(tracker: Logger, folder: RunFolder, result: Result) -> None:
    """Log a finished run's result to its tracker, and end the tracking.

    In Weights & Biases each metric becomes a summary value, to compare runs in charts, and all
    metrics a table. Summaries also have whether the adversaries were done, and the result in a
    sentence, which says "at least" if they were not.
    """
    rows_by_key = {
        f"{'baseline' if row.is_baseline else 'result'}/{row.attribute}": row
        for row in evaluation_rows(FinishedRun(folder, result))
    }
    if isinstance(tracker, ResumableWandbLogger):
        import wandb

        for key, row in rows_by_key.items():
            records = row.measure_records()
            tracker.experiment.summary.update(
                {f"{key}/{each.metric}": each.value for each in records}
                | {f"{key}/{DONE}": row.evaluation.adversaries_done()}
                | {f"{key}/summary": row.sentence}
            )
            table = wandb.Table(columns=list(COLUMNS), data=list(map(table_row, records)))
            tracker.log_metrics({key: table})
        tracker.experiment.finish()
    elif isinstance(tracker, TensorBoardLogger):
        lines = run_summary(folder, result, details=True).splitlines()
        code_block = "\n".join(f"    {line}" for line in lines)  # Markdown
        tracker.experiment.add_text("result", code_block)
        for key, row in rows_by_key.items():
            done = float(row.evaluation.adversaries_done())
            tracker.experiment.add_scalar(f"{key}/{DONE}", done)
            for each in row.measure_records():
                if each.value is not None:
                    tracker.experiment.add_scalar(f"{key}/{each.metric}", each.value)
        tracker.finalize("success")


def table_row(record: Record) -> list[object]:
    """Return a record's values in the order of ``COLUMNS``."""
    references = (record.original, record.majority_baseline, record.correlation_baseline)
    bounds = (record.bound, record.original_bound)
    return [record.metric, record.value, record.low, record.high, *references, *bounds]
