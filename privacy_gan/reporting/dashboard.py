"""A sweep's dashboard: a saved view of a W&B project."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from privacy_gan.errors import UserError
from privacy_gan.training.wandb_run import has_key, require_answer, server

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

DISTORTIONS = ["valid/filter/distortion", "valid/generator/distortion", "budget"]


def save_dashboard(
    project: str, group: str, attributes: Sequence[str], entity: str | None = None
) -> str:
    """Save a dashboard of a sweep's runs; return its address.

    Args:
        project: W&B project.
        group: that the runs belong to.
        attributes: the hidden attributes, each with a trade-off.
        entity: user or team whose project it is; None for the key's own.

    Raises:
        UserError: the wandb-workspaces package is missing, no key is configured, or the server does
            not answer or refuses.
    """
    if not has_key():
        raise UserError("a dashboard is saved on W&B's server, which needs a key: wandb login")
    try:
        require_answer()
    except OSError as error:
        raise UserError(f"{server()} does not answer ({error}); try again later") from error
    os.environ.setdefault("WANDB_SILENT", "true")  # the address is said once
    import wandb

    try:
        owner = entity or wandb.Api().default_entity
        saved = dashboard(owner or "", project, group, attributes).save()
        return str(saved.url)
    except UserError:
        raise
    except Exception as error:  # W&B raises its own, requests' and gql's errors, and bare ones
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{server()} does not save the dashboard: {reason}") from error


def dashboard(entity: str, project: str, group: str, attributes: Sequence[str]) -> Workspace:
    """Lay out a dashboard of a sweep's runs, see ``save_dashboard``.

    Privacy against utility for each attribute, distortions against their budget over steps, and
    image grids.
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
            x=panel.SummaryMetric(f"result/{attribute}/privacy_loss"),
            y=panel.SummaryMetric(f"result/{attribute}/utility_score"),
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
