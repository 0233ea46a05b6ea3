"""Fits mechanisms that need no gradient steps to a sample of the training images."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

from privacy_gan import distributed
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import FitsData, Privatizer
from privacy_gan.runs.faces import draw_grid, save_picture
from privacy_gan.runs.run import Run
from privacy_gan.tensors import find_non_finite
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.image_grid import censor_faces, select_example_faces
from privacy_gan.training.sampling import sample_batches

log = logging.getLogger(__name__)

SAMPLE_SIZE = 16384  # images; their mean distortion is within 0.5% of that of the whole split


def fit_without_gradients(
    run: Run,
    privatizer: Privatizer,
    datamodule: TableDataModule,
    column: int,
    device: torch.device,
) -> dict[str, float]:
    """Fit a mechanism to training images and save it.

    The caller must hold the run's lock. Every process fits; rank 0 alone saves.

    Args:
        run: where checkpoint and pictures go.
        privatizer: fitted in place, and moved to the device.
        datamodule: set up.
        column: column of the sensitive attribute among the batch's attributes.
        device: where to compute.

    Returns:
        The mechanism's own measurements, by name; see ``Privatizer.fit``.

    Raises:
        UserError: the mechanism cannot be fitted to these data, or its values are not finite.
    """
    privatizer.to(device).eval()
    count = min(SAMPLE_SIZE, len(datamodule.rows("train")))
    if isinstance(privatizer, FitsData):
        count = len(datamodule.rows("train"))
        log.info("fitting to %d training images in %s", count, run.folder.path)
        measured = fit_on_rank_zero(privatizer, datamodule, column, device)
    else:
        log.info("fitting to %d training images in %s", count, run.folder.path)
        measured = privatizer.fit(lambda: sample_batches(datamodule, count, device))
    require_finite_fit(privatizer, count)
    if distributed.rank() > 0:
        return measured
    if state := privatizer.state_dict():
        RunCheckpointIO(run).save_checkpoint({"state_dict": state}, run.folder.checkpoint)
    if datamodule.viewable:
        faces = censor_faces(privatizer, select_example_faces(datamodule, column), column, device)
        save_picture(draw_grid(faces), run.folder.images / "figure.png")
        faces.write(run.folder.faces)
    return measured


def fit_parts(
    privatizer: nn.Module, datamodule: TableDataModule, column: int, device: torch.device
) -> None:
    """Fit the parts of a mechanism that need no gradient steps, before the others are trained.

    Args:
        privatizer: fitted in place; its parts are on the CPU afterwards.
        datamodule: set up.
        column: column of the sensitive attribute among the batch's attributes.
        device: where to compute.

    Raises:
        UserError: a part cannot be fitted to these data.
    """
    for part in fitted_parts(privatizer):
        log.info("fitting to %d training images", len(datamodule.rows("train")))
        was_training = part.training
        fit_on_rank_zero(part.to(device).eval(), datamodule, column, device)
        part.cpu().train(was_training)


def fitted_parts(privatizer: nn.Module) -> list[Privatizer]:
    """Return the parts of a mechanism that are fitted to a whole data set."""
    parts = [module for module in privatizer.modules() if isinstance(module, Privatizer)]
    return [part for part in parts if isinstance(part, FitsData)]


def refuse_fitted_parts(privatizer: nn.Module, path: str) -> None:
    """Require that a training that starts from another run has no parts that are fitted to data.

    Raises:
        UserError: it has: the other run may have fitted them to other images.
    """
    if fitted_parts(privatizer):
        raise UserError(
            f"start_from={path}: a part of this mechanism is fitted to the training images first, "
            "and that run may have had others: remove start_from"
        )


def fit_on_rank_zero(
    privatizer: Privatizer, datamodule: TableDataModule, column: int, device: torch.device
) -> dict[str, float]:
    """Fit a mechanism in one process, so that all have the same one; return its measurements."""

    def fit() -> tuple[dict[str, float], dict[str, Any]]:
        assert isinstance(privatizer, FitsData)
        measured = privatizer.fit_data(datamodule, column, device)
        return measured, {name: value.cpu() for name, value in privatizer.state_dict().items()}

    measured, weights = distributed.broadcast_from_rank_zero(fit)
    privatizer.load_state_dict(weights)
    require_finite_fit(privatizer, len(datamodule.rows("train")))
    return measured


def require_finite_fit(privatizer: Privatizer, count: int) -> None:
    """Require that all values of a mechanism are finite after its fit to a number of images.

    Raises:
        UserError: one is not.
    """
    if (name := find_non_finite(privatizer.state_dict())) is not None:
        raise UserError(
            f"fitting to {count} training images gave values that are not finite ({name}), so "
            "there is no result: use more images or another budget, epsilon"
        )
