"""Trackers beside metrics.csv."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from privacy_gan.cluster_environment import is_rank_zero
from privacy_gan.errors import UserError
from privacy_gan.training.metrics_csv import MetricsCSV
from privacy_gan.training.wandb_run import init_run


def wandb_logger(
    run_dir: str,
    project: str,
    group: str,
    name: str | None,
    epsilon: float,
    sweep_chart: Any = None,
) -> Logger:
    """Track a run with Weights & Biases; see ``wandb_run.begin``.

    Args:
        run_dir: the run's folder, where tracked data are kept.
        project: W&B project.
        group: what the run belongs to.
        name: the run's; None for its folder's.
        epsilon: the distortion budget.
        sweep_chart: what a sweep shows of all its runs; not this run's business.

    Raises:
        UserError: the wandb package is missing.
    """
    del sweep_chart
    folder = Path(run_dir).resolve()
    steps = MetricsCSV(folder / "metrics.csv").rows
    experiment = None
    if is_rank_zero():
        experiment = init_run(folder, project, group, name or "/".join(folder.parts[-5:]))
    return ResumableWandbLogger(
        epsilon, max(steps, default=0), experiment=experiment, project=project
    )


class ResumableWandbLogger(WandbLogger):
    """A W&B run whose steps are the training's, so that it goes on where it was interrupted.

    Args:
        epsilon: the distortion budget, shown beside each distortion.
        step: the last that is known of, which belongs to what is logged without one.
        options: Lightning's.
    """

    def __init__(self, epsilon: float, step: int, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon
        self.step = step

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values of a step, of the last one if none is given."""
        self.step = self.step if step is None else step
        self.experiment.log(add_budget(metrics, self.epsilon), step=self.step)


def tensorboard_logger(run_dir: str, epsilon: float) -> Logger:
    """Write TensorBoard events into the run's folder.

    Args:
        run_dir: the run's folder.
        epsilon: the distortion budget.

    Raises:
        UserError: the tensorboard package is missing.
    """
    try:
        return BudgetTensorBoardLogger(epsilon, save_dir=run_dir, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise UserError(
            "logger=tensorboard needs tensorboard: pip install 'privacy_gan[tensorboard]'"
        ) from error


class BudgetTensorBoardLogger(TensorBoardLogger):
    """TensorBoard's events, the distortion budget among them.

    Args:
        epsilon: the distortion budget.
        options: Lightning's.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values of a step."""
        super().log_metrics(add_budget(metrics, self.epsilon), step)


def add_budget(metrics: Mapping[str, Any], epsilon: float) -> dict[str, Any]:
    """Return metrics with the distortion budget, where there are distortions among them."""
    has_distortion = any(name.endswith("/distortion") for name in metrics)
    return {**metrics, **({"budget": epsilon} if has_distortion else {})}
