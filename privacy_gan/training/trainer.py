"""Lightning's Trainer with what this project always wants of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning_fabric.utilities.types import Optimizable
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import GradClipAlgorithmType

from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_precision, require_gpu
from privacy_gan.training.ddp_strategy import detect_cluster_environment
from privacy_gan.training.sync_batch_norm import CPUSyncBatchNormPlugin


def make_trainer(
    accelerator: str = "auto",
    precision: str = "auto",
    sync_batchnorm: bool = True,
    image_size: int | None = None,
    plugins: Any = (),
    callbacks: Any = (),
    logger: Any = True,
    gradient_clip_val: float | None = None,
    gradient_clip_algorithm: str | None = None,
    run_plugins: Sequence[Any] = (),
    run_callbacks: Sequence[Callback] = (),
    run_metrics: Sequence[Logger] = (),
    run_trackers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Return a Trainer.

    Args:
        accelerator: "cpu", "gpu", or "auto" for the best at hand.
        precision: Lightning's name of a precision, or "auto" for bfloat16 where the hardware
            computes it and float32 elsewhere.
        sync_batchnorm: whether batch norm sees the images of all processes.
        image_size: side of the images in pixels, on which "auto" depends, too.
        plugins: Lightning's, one or a list; a user's.
        callbacks: likewise; they come before a run's, the last of which saves.
        logger: likewise; False leaves out what a run measures itself.
        gradient_clip_val: each player's gradients are clipped to; None leaves them.
        gradient_clip_algorithm: "norm", which is the default, or "value".
        run_plugins: what every run has.
        run_callbacks: likewise.
        run_metrics: likewise.
        run_trackers: those of the configuration's ``logger``.
        options: Lightning's.

    Raises:
        UserError: an own callback or logger is none of Lightning's.
    """
    require_gpu(accelerator)
    all_plugins = [*run_plugins, *several("plugins", plugins, object)]
    all_callbacks = [*several("callbacks", callbacks, Callback), *run_callbacks]
    loggers = [*([] if logger is False else run_metrics), *run_trackers]
    if not isinstance(logger, bool):
        loggers += several("logger", logger, Logger)
    if gradient_clip_val is not None:
        all_callbacks.append(ClipGradients(gradient_clip_val, gradient_clip_algorithm or "norm"))
    if sync_batchnorm and accelerator == "cpu":  # torch has its own on GPUs only
        all_plugins.append(CPUSyncBatchNormPlugin())
        sync_batchnorm = False
    if (environment := detect_cluster_environment()) is not None:
        all_plugins.append(environment)
    return Trainer(
        accelerator=accelerator,
        precision=choose_precision(accelerator, precision, image_size),  # type: ignore[arg-type]
        sync_batchnorm=sync_batchnorm,
        plugins=all_plugins,
        callbacks=all_callbacks,
        logger=loggers or False,
        **options,
    )


def several(name: str, given: Any, kind: type) -> list[Any]:
    """Return what a configuration gives of a kind, one or a list of them, as a list.

    Raises:
        UserError: something in it is of another kind.
    """
    if given is None:
        return []
    entries = list(given) if isinstance(given, list | tuple) else [given]
    for entry in entries:
        if not isinstance(entry, kind):
            raise UserError(
                f"trainer.{name}: {entry} is no {kind.__name__} of Lightning's, which is described "
                f"as +trainer.{name}=[{{_target_:MODULE.CLASS}}]"
            )
    return entries


class ClipGradients(Callback):
    """Clips each player's gradients just before its step, over all processes' images.

    Lightning itself does so for automatic optimization only.

    Args:
        value: largest norm of a player's gradients together, or size of each.
        algorithm: "norm" or "value", which of the two.
    """

    def __init__(self, value: float, algorithm: str) -> None:
        self.value = value
        self.algorithm = GradClipAlgorithmType(algorithm)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizable
    ) -> None:
        """Clip what this player's optimizer is about to use."""
        trainer.precision_plugin.clip_gradients(optimizer, self.value, self.algorithm)  # type: ignore[arg-type]
