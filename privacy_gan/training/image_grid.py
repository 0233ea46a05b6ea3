"""Draws the paper's Figure 2 for a run: a few faces and their censored versions."""

from __future__ import annotations

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from torchvision.transforms.functional import pil_to_tensor

from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.runs.faces import Faces, draw_grid, save_picture
from privacy_gan.runs.folder import RunFolder
from privacy_gan.training.validated import is_validated


class ImageGrid(Callback):
    """Draws Figure 2 for a few validation images of each class after every validated epoch.

    Args:
        folder: the run's folder, for ``images/epoch-0001.png`` and so on, and ``faces.png`` at the
            end of the training.
        attribute_index: column of the sensitive attribute.
        columns: number of images.
    """

    def __init__(self, folder: RunFolder, attribute_index: int, columns: int = 8) -> None:
        self.folder = folder
        self.attribute_index = attribute_index
        self.columns = columns

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Select the images."""
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        self.batch = select_example_faces(datamodule, self.attribute_index, self.columns)
        group = datamodule.group
        names = [*datamodule.attribute_names, *([] if group is None else [group.name])]
        self.attribute = names[self.attribute_index]
        self.classes = datamodule.classes(self.attribute)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figure, save it and log it to W&B and TensorBoard."""
        epoch = trainer.current_epoch + 1
        if not trainer.is_global_zero or not is_validated(trainer, epoch):
            return
        faces = self.faces(pl_module).with_class_names(self.attribute, self.classes)
        picture = draw_grid(faces)
        save_picture(picture, self.folder.images / f"epoch-{epoch:04d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("faces", [picture])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("faces", pil_to_tensor(picture), epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the faces for the report."""
        if trainer.is_global_zero:
            self.faces(pl_module).write(self.folder.faces)

    def faces(self, privatizer: LightningModule) -> Faces:
        assert isinstance(privatizer, Privatizer)
        privatizer.eval()
        batch = Batch(match_dtype(privatizer, self.batch.images), self.batch.attributes)
        faces = censor_faces(privatizer, batch, self.attribute_index, privatizer.device)
        privatizer.train()
        return faces


def match_dtype(privatizer: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return images with a mechanism's dtype, which is double if trainer.precision=64-true."""
    parameter = next(privatizer.parameters(), None)
    return images if parameter is None else images.to(parameter.dtype)


def select_example_faces(datamodule: TableDataModule, column: int, count: int = 8) -> Batch:
    """Return a few validation images: the first ones of each class, alternating by class."""
    rows = datamodule.rows("valid")
    labels = datamodule.table.attributes[rows, column]
    by_class = [rows[labels == label] for label in np.unique(labels)]
    each = min(max(count // len(by_class), 1), *(len(class_rows) for class_rows in by_class))
    chosen = np.stack([class_rows[:each] for class_rows in by_class], axis=1).ravel()
    return datamodule.gather(torch.from_numpy(chosen))


def censor_faces(privatizer: Privatizer, faces: Batch, column: int, device: torch.device) -> Faces:
    """Return faces and their censored versions, always with the same random numbers."""
    rng = keyed_generator(device, 0, Purpose.FIGURE)
    with torch.no_grad():
        rows = privatizer.figure_rows(faces.images.to(device), rng)
    return Faces.from_tensors(
        rows, tuple(f"s={label}" for label in faces.attributes[:, column].tolist())
    )
