"""Loggers beside metrics.csv."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from privacy_gan.errors import UserError
from privacy_gan.training.wandb_key import is_offline


def wandb_logger(
    run_dir: str, project: str, group: str, name: str, sweep_chart: Any = None
) -> Logger:
    """Track a run with Weights & Biases, without asking questions where nobody is there to answer.

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
