"""Creates Lightning's Trainer with the project's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning_fabric.utilities.types import Optimizable
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import GradClipAlgorithmType

from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_precision, require_gpu, wants_graphs
from privacy_gan.training.ddp_strategy import detect_cluster_environment
from privacy_gan.training.step_graphs import StepGraphs
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
    graph: bool | str = "auto",
    run_plugins: Sequence[Any] = (),
    run_callbacks: Sequence[Callback] = (),
    run_metrics: Sequence[Logger] = (),
    run_trackers: Sequence[Logger] = (),
    **options: Any,
) -> Trainer:
    """Return a Trainer with the user's and the run's plugins, callbacks and loggers.

    Args:
        accelerator: "cpu", "gpu", or "auto" for the best available one.
        precision: a precision of Lightning's, or "auto" for bfloat16 if the hardware supports it
            and float32 otherwise.
        sync_batchnorm: whether batch norm uses the images of all processes.
        image_size: side of the images in pixels, which also affects "auto".
        plugins: the user's plugins for Lightning, one or a list.
        callbacks: the user's callbacks, one or a list; they run before those of the run, the last
            of which saves checkpoints.
        logger: the user's loggers, one or a list; False removes metrics.csv.
        gradient_clip_val: limit to which each network's gradients are clipped; None to disable.
        gradient_clip_algorithm: "norm" (default) or "value".
        graph: whether training steps are captured as graphs; see ``hardware.wants_graphs``.
        run_plugins: plugins of every run.
        run_callbacks: callbacks of every run.
        run_metrics: loggers of every run (metrics.csv).
        run_trackers: loggers of the configuration group ``logger``.
        options: further arguments of Trainer.

    Raises:
        UserError: a callback or logger is not one of Lightning's, or a GPU is requested and this
            machine has none.
    """
    require_gpu(accelerator)
    all_plugins = [*run_plugins, *as_list("plugins", plugins, object)]
    all_callbacks = [*as_list("callbacks", callbacks, Callback), *run_callbacks]
    loggers = [*([] if logger is False else run_metrics), *run_trackers]
    if not isinstance(logger, bool):
        loggers += as_list("logger", logger, Logger)
    if gradient_clip_val is not None:
        all_callbacks.append(ClipGradients(gradient_clip_val, gradient_clip_algorithm or "norm"))
    if wants_graphs(graph):
        all_callbacks.append(StepGraphs())
    if sync_batchnorm and accelerator == "cpu":  # torch's SyncBatchNorm supports GPUs only
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


def as_list(option: str, value: Any, expected_type: type) -> list[Any]:
    """Return the value of a trainer option, which may be one object or several, as a list.

    Raises:
        UserError: an object does not have the expected type.
    """
    if value is None:
        return []
    entries = list(value) if isinstance(value, list | tuple) else [value]
    for entry in entries:
        if not isinstance(entry, expected_type):
            raise UserError(
                f"trainer.{option}: {entry} is not a {expected_type.__name__} of Lightning's: set "
                f"+trainer.{option}=[{{_target_:MODULE.CLASS}}]"
            )
    return entries


class ClipGradients(Callback):
    """Clips each network's gradients just before its optimizer step, after averaging over ranks.

    Lightning clips gradients in automatic optimization only.

    Args:
        value: largest norm of all gradients of a network, or largest absolute gradient.
        algorithm: "norm" or "value", respectively.
    """

    capturable = True  # see StepGraphs: clipping launches the same kernels at every step

    def __init__(self, value: float, algorithm: str) -> None:
        self.value = value
        self.algorithm = GradClipAlgorithmType(algorithm)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizable
    ) -> None:
        """Clip the gradients of the optimizer's parameters."""
        trainer.precision_plugin.clip_gradients(optimizer, self.value, self.algorithm)  # type: ignore[arg-type]
