"""What mechanisms learn from a sample of training images, beside or in place of steps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from privacy_gan import replicas
from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.trained import TrainedPrivatizer
from privacy_gan.runs.faces import draw_grid, save_picture
from privacy_gan.runs.state import Run
from privacy_gan.tensors import first_undefined
from privacy_gan.training.checkpointing import RunCheckpointIO
from privacy_gan.training.image_grid import censored_faces, example_faces

log = logging.getLogger(__name__)

BATCHES = 32  # moments of batch norm vary by a percent or less between two such samples
SAMPLE = 16384  # images; their mean distortion is within half a percent of that of all


def sample_batches(
    datamodule: TableDataModule, count: int, device: torch.device
) -> Iterator[Batch]:
    """Yield some training images, from all of the split and always the same ones, in batches."""
    rows = torch.from_numpy(datamodule.rows("train"))
    sample = rows[torch.linspace(0, len(rows) - 1, count).long()]
    for some in torch.split(sample, datamodule.batch_size):
        yield datamodule.gather(some, device)


def adapt(
    run: Run,
    privatizer: Privatizer,
    datamodule: TableDataModule,
    column: int,
    device: torch.device,
) -> dict[str, float]:
    """Adapt a mechanism to training images and save it; to be called with the run's lock.

    Every process of a run does, the first one saves.

    Args:
        run: where state and pictures go.
        privatizer: adapted afterwards, on the device.
        datamodule: set up.
        column: the sensitive attribute's, among the batch's attributes.
        device: to compute on.

    Returns:
        What the mechanism has to say of it.

    Raises:
        UserError: the mechanism cannot be adapted to these data, or ends up with values that are
            not finite.
    """
    privatizer.to(device).eval()
    count = min(SAMPLE, len(datamodule.rows("train")))
    log.info("adapting to %d training images in %s", count, run.folder.path)
    found = privatizer.adapt(lambda: sample_batches(datamodule, count, device))
    if (name := first_undefined(privatizer.state_dict())) is not None:
        raise UserError(
            f"adapting to {count} training images gave values that are not finite ({name}); there "
            "is no result: give it more images or another budget, epsilon"
        )
    if replicas.rank() > 0:
        return found
    if state := privatizer.state_dict():
        RunCheckpointIO(run).save_checkpoint({"state_dict": state}, run.folder.checkpoint)
    if datamodule.pictures:
        faces = censored_faces(privatizer, example_faces(datamodule, column), column, device)
        save_picture(draw_grid(faces), run.folder.images / "figure.png")
        faces.write(run.folder.faces)
    return found


class Settling(Callback):
    """Calls ``settle`` with some training images at the end of every epoch, and of the training."""

    def __init__(self) -> None:
        self.settled_step = -1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *step: Any, **more: Any
    ) -> None:
        """Settle after an epoch's last batch; validation comes next."""
        if trainer.is_last_batch:
            self.settle(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Settle where limits of Lightning's end training within an epoch."""
        if self.settled_step != trainer.global_step:
            self.settle(trainer, pl_module)

    def settle(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainedPrivatizer)
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        size = datamodule.batch_size
        count = size * max(1, min(BATCHES, len(datamodule.rows("train")) // size))

        def batches() -> Iterator[Tensor]:
            with trainer.precision_plugin.forward_context():
                for batch in sample_batches(datamodule, count, pl_module.device):
                    yield trainer.precision_plugin.convert_input(replicas.own_part(batch.images))

        pl_module.settle(batches)
        self.settled_step = trainer.global_step
