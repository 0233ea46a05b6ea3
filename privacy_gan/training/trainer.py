"""Lightning's Trainer with what this project always wants of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytorch_lightning import Trainer

from privacy_gan.hardware import choose_precision, require_gpu
from privacy_gan.training.connection import cluster_environment
from privacy_gan.training.replica_strategy import ReplicatedBatchNorms


def make_trainer(
    accelerator: str = "auto",
    precision: str = "auto",
    sync_batchnorm: bool = True,
    image_size: int | None = None,
    plugins: Sequence[Any] = (),
    **options: Any,
) -> Trainer:
    """Return a Trainer.

    Args:
        accelerator: "cpu", "gpu", or "auto" for the best at hand.
        precision: Lightning's name of a precision, or "auto" for bfloat16 where the hardware
            computes it and float32 elsewhere.
        sync_batchnorm: whether batch norm sees the images of all processes.
        image_size: side of the images in pixels, on which "auto" depends, too.
        plugins: Lightning's.
        options: Lightning's.
    """
    require_gpu(accelerator)
    plugins = list(plugins)
    if sync_batchnorm and accelerator == "cpu":  # torch has its own on GPUs only
        plugins.append(ReplicatedBatchNorms())
        sync_batchnorm = False
    if (environment := cluster_environment()) is not None:
        plugins.append(environment)
    return Trainer(
        accelerator=accelerator,
        precision=choose_precision(accelerator, precision, image_size),  # type: ignore[arg-type]
        sync_batchnorm=sync_batchnorm,
        plugins=plugins,
        **options,
    )
