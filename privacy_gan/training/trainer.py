"""Lightning's Trainer with the arithmetic that the machine is fast at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from pytorch_lightning import Trainer

from privacy_gan.training.replica_strategy import ReplicatedBatchNorms


def make_trainer(
    accelerator: str = "auto",
    precision: str = "auto",
    sync_batchnorm: bool = True,
    plugins: Sequence[Any] = (),
    **options: Any,
) -> Trainer:
    """Return a Trainer.

    Args:
        accelerator: "cpu", "gpu", or "auto" for the best at hand.
        precision: Lightning's name of a precision, or "auto" for bfloat16 where the hardware
            computes it and float32 elsewhere.
        sync_batchnorm: whether batch norm sees the images of all processes.
        plugins: Lightning's.
        options: Lightning's.
    """
    plugins = list(plugins)
    if sync_batchnorm and accelerator == "cpu":  # torch has its own on GPUs only
        plugins.append(ReplicatedBatchNorms())
        sync_batchnorm = False
    if SLURMEnvironment.detect():
        plugins.append(SLURMEnvironment(auto_requeue=False))  # whoever started the run does that
    return Trainer(
        accelerator=accelerator,
        precision=choose_precision(accelerator, precision),  # type: ignore[arg-type]
        sync_batchnorm=sync_batchnorm,
        plugins=plugins,
        **options,
    )


def choose_precision(accelerator: str, precision: str) -> str:
    """Return Lightning's name of a precision in place of "auto"."""
    if precision == "auto":
        return "bf16-mixed" if computes_bfloat16(accelerator) else "32-true"
    return precision


def computes_bfloat16(accelerator: str) -> bool:
    """Tell whether the hardware has bfloat16 arithmetic, rather than emulating it."""
    if accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if accelerator == "cpu" or not torch.backends.mps.is_available():
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
