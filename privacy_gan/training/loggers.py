"""Weights & Biases and TensorBoard loggers, used in addition to metrics.csv."""

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
    """Return a logger for Weights & Biases; see ``wandb_run.init_run``.

    Args:
        run_dir: the run's folder, which also holds the W&B data.
        project: W&B project.
        group: W&B group.
        name: name of the W&B run; None for the last five parts of the folder's path.
        epsilon: the distortion budget.
        sweep_chart: unused here; a sweep draws this chart of all its runs.

    Raises:
        UserError: the wandb package is not installed.
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
    """A WandbLogger whose W&B steps are training steps, so that a resumed run continues its curves.

    Args:
        epsilon: the distortion budget, logged with each distortion.
        step: the last step logged so far, used for values that are logged without a step.
        options: arguments of WandbLogger.
    """

    def __init__(self, epsilon: float, step: int, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon
        self.step = step

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics at a step, by default the last one."""
        self.step = self.step if step is None else step
        self.experiment.log(add_budget(metrics, self.epsilon), step=self.step)


def tensorboard_logger(run_dir: str, epsilon: float) -> Logger:
    """Return a logger that writes TensorBoard events to the run's folder.

    Args:
        run_dir: the run's folder.
        epsilon: the distortion budget.

    Raises:
        UserError: the tensorboard package is not installed.
    """
    try:
        return BudgetTensorBoardLogger(epsilon, save_dir=run_dir, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise UserError(
            "logger=tensorboard needs tensorboard: pip install 'privacy_gan[tensorboard]'"
        ) from error


class BudgetTensorBoardLogger(TensorBoardLogger):
    """A TensorBoardLogger that also logs the distortion budget.

    Args:
        epsilon: the distortion budget.
        options: arguments of TensorBoardLogger.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics at a step."""
        super().log_metrics(add_budget(metrics, self.epsilon), step)


def add_budget(metrics: Mapping[str, Any], epsilon: float) -> dict[str, Any]:
    """Return the metrics, with the distortion budget if they contain a distortion."""
    has_distortion = any(name.endswith("/distortion") for name in metrics)
    return {**metrics, **({"budget": epsilon} if has_distortion else {})}
