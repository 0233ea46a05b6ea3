"""What mechanisms without gradients have in place of training."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import torch
from omegaconf import DictConfig
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs import Run
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.image_grid import draw_figure, example_faces, save_picture

log = logging.getLogger(__name__)

SAMPLE = 16384  # images; their mean distortion is within half a per cent of that of all


def adapt(
    config: DictConfig,
    run: Run,
    privatizer: Privatizer,
    datamodule: TableDataModule,
    device: torch.device,
) -> dict[str, float]:
    """Adapt a mechanism to training images and save it; to be called with the run's lock.

    Args:
        config: of the run.
        run: where configuration, state and pictures go.
        privatizer: adapted afterwards, on the device.
        datamodule: set up.
        device: to compute on.

    Returns:
        What the mechanism has to say of it.

    Raises:
        UserError: the mechanism cannot be adapted to these data.
    """
    privatizer.to(device)
    rows = torch.from_numpy(datamodule.rows("train"))
    sample = rows[torch.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).long()]

    def batches() -> Iterator[Tensor]:
        for some in torch.split(sample, config.data.batch_size):
            yield datamodule.gather(some, device).images

    log.info("adapting to %d training images in %s", len(sample), run.folder)
    found = privatizer.adapt(batches)
    run.write_config(config)
    if state := privatizer.state_dict():
        RunCheckpointIO(run).save_checkpoint({"state_dict": state}, run.checkpoint)
    if datamodule.pictures:
        column = datamodule.column(config.attribute)
        faces = example_faces(datamodule, column)
        save_picture(
            draw_figure(privatizer, faces, column, device), run.folder / "images" / "faces.png"
        )
    return found
