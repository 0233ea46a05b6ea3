"""A sweep in Weights & Biases: a table and a scatter plot of its runs, and a dashboard."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_gan.errors import UserError
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.finished_runs import FinishedRun
from privacy_gan.reporting.leakage import ACCURACY, leading_leak
from privacy_gan.reporting.records import EvaluationRow, evaluation_rows
from privacy_gan.runs.fingerprint import short_hash
from privacy_gan.runs.folder import RunFolder
from privacy_gan.training.wandb_run import check_server, has_api_key, init_run, server_url

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

DISTORTIONS = ["valid/filter/distortion", "valid/generator/distortion", "budget"]
UTILITY = "utility_score"
TITLE = "Trade-off (the leak is a lower bound unless the adversaries were done)"
COLUMNS: list[str | int] = [
    "run",
    "mechanism",
    "attribute",
    "epsilon",
    "distortion",
    "budget",
    "leading metric",
    "leak",
    "normalized leak",
    "privacy loss",
    "privacy loss, paper's metric",
    "utility score",
    "adversaries done",
    "leak in words",
]


def chart_sweep(runs: Mapping[str, Path], project: str, group: str, output_dir: str) -> None:
    """Log a table and a scatter plot of a sweep's finished runs, as a W&B run called "sweep".

    Args:
        runs: folders by the runs' names.
        project: W&B project.
        group: of the runs.
        output_dir: where W&B's local files are stored.
    """
    rows = [row for name, folder in runs.items() for row in table_rows(name, folder)]
    if not rows:
        return
    import wandb

    folder = Path(output_dir).resolve() / f".wandb-{short_hash(group)}"
    with init_run(folder, project, group, "sweep") as tracked:
        table = wandb.Table(columns=COLUMNS, data=rows)
        scatter = wandb.plot.scatter(table, "normalized leak", "utility score", TITLE)
        tracked.log({"runs": table, "trade-off": scatter})


def table_rows(name: str, folder: Path) -> list[list[object]]:
    """Return a row for each evaluation of a run, with the columns ``COLUMNS``.

    The leak is that by the leading metric; normalized, it is 0 for guessing and 1 for original
    images. It is a lower bound unless the adversaries were done.
    """
    run = RunFolder(folder)
    result = run.result()
    if result is None:
        return []
    return [table_row(name, each) for each in evaluation_rows(FinishedRun(run, result))]


def table_row(name: str, entry: EvaluationRow) -> list[object]:
    """Return the row of an evaluation."""
    leak = leading_leak(entry.evaluation)
    budget = "missed" if exceeds_budget(entry.evaluation, entry.budget) else "kept"
    return [
        *(name, entry.mechanism, entry.attribute, entry.epsilon, entry.value("distortion")),
        "none" if entry.budget is None else budget,
        *(leak.metric.title, leak.censored.value, leak.gain),
        *map(entry.value, (ACCURACY, "paper_privacy_loss", UTILITY)),
        not leak.prefix,
        f"{leak.prefix}{leak.metric.format_value(leak.censored.value)}",
    ]


def save_dashboard(
    project: str, group: str, attributes: Sequence[str], entity: str | None = None
) -> str:
    """Save a dashboard of a sweep's runs in Weights & Biases; return its URL.

    Args:
        project: W&B project.
        group: of the runs.
        attributes: the hidden attributes; each gets a scatter plot.
        entity: user or team that owns the project; None for the API key's own.

    Raises:
        UserError: the wandb-workspaces package is not installed, there is no API key, or the server
            does not respond or refuses.
    """
    if not has_api_key():
        raise UserError(
            "a dashboard is saved on W&B's server and needs an API key: run wandb login"
        )
    try:
        check_server()
    except OSError as error:
        raise UserError(f"{server_url()} does not respond ({error}): try again later") from error
    os.environ.setdefault("WANDB_SILENT", "true")  # the URL is printed once
    import wandb

    try:
        owner = entity or wandb.Api().default_entity
        saved = build_dashboard(owner or "", project, group, attributes).save()
        return str(saved.url)
    except UserError:
        raise
    except Exception as error:  # of W&B, requests or gql, or a bare Exception
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{server_url()} cannot save the dashboard ({reason}): check the entity, the project "
            "and your API key, then run the same command again"
        ) from error


def build_dashboard(entity: str, project: str, group: str, attributes: Sequence[str]) -> Workspace:
    """Return a dashboard of a sweep's runs, see ``save_dashboard``.

    It has a scatter plot of privacy and utility for each attribute, the distortions and their
    budget over steps, and grids of images.
    """
    try:
        import wandb_workspaces.reports.v2 as panel
        import wandb_workspaces.workspaces as views
        from wandb_workspaces import expr
    except ModuleNotFoundError as error:
        raise UserError(
            "a dashboard needs wandb-workspaces: pip install 'privacy_gan[dashboard]'"
        ) from error
    trade_offs = [
        panel.ScatterPlot(
            title=f"{attribute}: utility score against privacy loss",
            x=panel.SummaryMetric(f"result/{attribute}/{ACCURACY}"),
            y=panel.SummaryMetric(f"result/{attribute}/{UTILITY}"),
            z=panel.Config("epsilon"),  # the colour
        )
        for attribute in attributes
    ]
    distortion = panel.LinePlot(title="Distortion and its budget", y=list(DISTORTIONS))
    images = panel.MediaBrowser(title="Originals and censored images", media_keys=["faces"])
    return views.Workspace(
        entity=entity,
        project=project,
        name=group,
        sections=[
            views.Section("Privacy against utility", panels=trade_offs, is_open=True),
            views.Section("Distortion", panels=[distortion], is_open=True),
            views.Section("Images", panels=[images], is_open=True),
        ],
        runset_settings=views.RunsetSettings(filters=[expr.Metric("Group") == group]),
    )
