"""Mechanisms of finished runs, from their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig

from privacy_gan.building import build
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs import read_config


@dataclass(frozen=True)
class FinishedRun:
    """A run whose training is finished.

    Attributes:
        folder: the run's.
        config: how it was made.
        privatizer: its mechanism as it was at the end, in evaluation mode on the CPU.
    """

    folder: Path
    config: DictConfig
    privatizer: Privatizer


def load_finished_run(folder: Path) -> FinishedRun:
    """Return a run with its mechanism; no code in its files is executed.

    Raises:
        UserError: the folder holds no finished run, or something in it is damaged.
    """
    config = read_config(folder)
    if not (folder / "result.json").is_file():
        raise UserError(
            f"{folder} holds no result.json, so its training is not finished: "
            "repeat the command that trains it"
        )
    # only training asks where the attribute stands among the labels
    privatizer: Privatizer = build(config.privatizer, attribute_index=0, seed=config.seed)
    checkpoint = folder / "last.ckpt"
    if privatizer.state_dict():
        try:
            stored = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
            privatizer.load_state_dict(stored["state_dict"])
        except FileNotFoundError as error:
            raise UserError(f"{folder} has no checkpoint last.ckpt") from error
        except Exception as error:
            raise UserError(f"{checkpoint} is damaged or another run's: train it again") from error
    return FinishedRun(folder, config, privatizer.eval().requires_grad_(False))
