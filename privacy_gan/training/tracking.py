"""Loggers beside metrics.csv, and what they are told of a result."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from privacy_gan.errors import UserError
from privacy_gan.runs import Run
from privacy_gan.summary import summary
from privacy_gan.wandb_key import is_offline


def wandb_logger(
    run_dir: str, project: str, group: str, name: str, sweep_chart: Any = None
) -> Logger:
    """Track a run with Weights & Biases, without a question where nobody sits to answer it.

    Args:
        run_dir: the run's folder, where tracked data are kept; the same folder is the same tracked
            run, also after an interruption.
        project: W&B project.
        group: what the run belongs to.
        name: the run's; its folder's where this is empty.
        sweep_chart: what a sweep shows of all its runs; not this run's business.

    Raises:
        UserError: the wandb package is missing.
    """
    del sweep_chart
    folder = Path(run_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return WandbLogger(
            project=project,
            group=group,
            name=name or "/".join(folder.parts[-5:]),
            save_dir=folder,
            id=hashlib.sha256(str(folder).encode()).hexdigest()[:16],
            resume="allow",
            offline=is_offline(),
        )
    except ModuleNotFoundError as error:
        raise UserError("logger=wandb needs wandb: pip install 'privacy_gan[wandb]'") from error


def tensorboard_logger(run_dir: str) -> Logger:
    """Write TensorBoard events into the run's folder.

    Raises:
        UserError: the tensorboard package is missing.
    """
    try:
        return TensorBoardLogger(save_dir=run_dir, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise UserError(
            "logger=tensorboard needs tensorboard: pip install 'privacy_gan[tensorboard]'"
        ) from error


def track_result(tracker: Logger, run: Run, record: dict[str, Any]) -> None:
    """Show a finished run's result, and end its tracking.

    Weights & Biases gets each measure as a summary value, so that runs can be charted against each
    other, and all of them as a table.
    """
    if isinstance(tracker, WandbLogger):
        import wandb

        for who, evaluations in judged(record):
            for attribute, evaluation in evaluations.items():
                rows = measure_rows(evaluation["measures"])
                tracker.experiment.summary.update({f"{who}/{attribute}/{r[0]}": r[1] for r in rows})
                table = wandb.Table(columns=list(COLUMNS), data=rows)
                tracker.experiment.log({f"{who}/{attribute}": table})
        tracker.experiment.finish()
    elif isinstance(tracker, TensorBoardLogger):
        indented = "\n".join(f"    {line}" for line in summary(run, record).splitlines())
        tracker.experiment.add_text("result", indented)
        for who, evaluations in judged(record):
            for attribute, evaluation in evaluations.items():
                for name, value, *_ in measure_rows(evaluation["measures"]):
                    if value is not None:
                        tracker.experiment.add_scalar(f"{who}/{attribute}/{name}", value)
        tracker.finalize("success")


COLUMNS = ("measure", "censored", "low", "high", "original", "prior", "floor")


def judged(record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return evaluations by attribute, of the mechanism and of the baseline within it."""
    return [("result", record["evaluations"]), ("baseline", record["baseline"] or {})]


def measure_rows(measures: dict[str, Any]) -> list[list[Any]]:
    """Return a row a measure, as ``COLUMNS`` says."""
    rows = []
    for name, measure in measures.items():
        censored = measure["censored"] or {}
        bounds = [(measure[column] or {}).get("value") for column in COLUMNS[4:]]
        rows.append([name, *(censored.get(key) for key in ("value", "low", "high")), *bounds])
    return rows
