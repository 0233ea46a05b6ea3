"""Weights & Biases, without ever asking a question on a machine where nobody sits."""

from __future__ import annotations

import hashlib
import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from privacy_gan.errors import UserError


def has_wandb_key() -> bool:
    """Tell whether a key is configured, by environment variable or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def wandb_logger(run_dir: str, project: str) -> Logger:
    """Track a run; offline (to be synchronised later) unless a key is configured.

    Args:
        run_dir: the run's folder, where tracked data are kept; also names the run.
        project: W&B project.

    Raises:
        UserError: the wandb package is missing.
    """
    folder = Path(run_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return WandbLogger(
            project=project,
            name="/".join(folder.parts[-5:]),
            save_dir=folder,
            # the same folder is the same run, also after an interruption
            id=hashlib.sha256(str(folder).encode()).hexdigest()[:16],
            resume="allow",
            offline="WANDB_MODE" not in os.environ and not has_wandb_key(),
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
