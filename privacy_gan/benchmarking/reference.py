"""A step the way of the paper's released code: what the project's training is measured against.

It runs the filter twice, lets the generator's loss flow back into the filter, and passes images
through the discriminators again for every loss; in float32, in torch's usual layout, with Adam as
torch sets it up. What comes out is Algorithm 1 but for fresh noise in the generator's pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets.folder import default_loader
from torchvision.transforms import v2

from privacy_gan import losses
from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.models.unet import UNet

CELEBA_SIZE = (178, 218)  # width and height of CelebA's aligned images


class PlainUNet(UNet):
    """The same UNet, upsampling and concatenating as the paper draws it."""

    def forward(
        self, images: Tensor, noise: Tensor | None = None, classes: Tensor | None = None
    ) -> Tensor:
        """See UNet.forward."""
        skips = []
        hidden = images
        for level, block in enumerate(self.down):
            hidden = block(hidden if level == 0 else self.pool(hidden))
            skips.append(hidden)
        skips.pop()
        hidden = torch.cat([hidden, *self._inputs_at_bottleneck(noise, classes)], dim=1)
        for block in self.up:
            hidden = torch.cat([F.interpolate(hidden, scale_factor=2), skips.pop()], dim=1)
            for layer in block.children():
                hidden = layer(hidden)
        return torch.sigmoid(self.to_rgb(hidden))


class ReferenceStep:
    """Steps of the paper's training.

    Args:
        filter: f.
        generator: g.
        filter_discriminator: h_f.
        generator_discriminator: h_g.
        column: of the sensitive attribute among the batch's.
        epsilon: the distortion budget.
        weight: lambda of the penalty.
        learning_rate: of all.
        device: where to compute.
    """

    def __init__(
        self,
        filter: UNet,
        generator: UNet,
        filter_discriminator: nn.Module,
        generator_discriminator: nn.Module,
        column: int,
        epsilon: float,
        weight: float,
        learning_rate: float,
        device: torch.device,
    ) -> None:
        self.filter, self.generator = filter.to(device), generator.to(device)
        self.filter_discriminator = filter_discriminator.to(device)
        self.generator_discriminator = generator_discriminator.to(device)
        self.column, self.epsilon, self.weight = column, epsilon, weight
        self.device = device
        players = (filter, generator, filter_discriminator, generator_discriminator)
        self.optimizers = [torch.optim.Adam(p.parameters(), lr=learning_rate) for p in players]
        self.steps = 0

    def __call__(self, batches: Iterator[Batch], count: int) -> None:
        """Take some steps."""
        for batch in islice(batches, count):
            self.step(batch.images.to(self.device), batch.attributes.to(self.device))

    def step(self, images: Tensor, attributes: Tensor) -> None:
        """Take one: filter, generator, then their discriminators."""
        of_filter, of_generator, of_h_f, of_h_g = self.optimizers
        sensitive = attributes[:, self.column]
        synthetic = torch.randint(2, sensitive.shape, device=self.device)

        filtered = self.filtered(images)
        adversarial = losses.negative_entropy(self.filter_discriminator(filtered), sensitive)
        self.update(of_filter, adversarial + self.penalty(filtered, images))

        noise = torch.randn(len(images), self.generator.noise_size, device=self.device)
        replaced = self.generator(self.filtered(images), noise, synthetic)
        adversarial = F.cross_entropy(self.generator_discriminator(replaced), synthetic)
        self.update(of_generator, adversarial + self.penalty(replaced, images))

        logits = self.filter_discriminator(filtered.detach())
        self.update(of_h_f, F.cross_entropy(logits, sensitive))
        if self.steps % 3 == 0:
            real = self.generator_discriminator(images)
            fake = self.generator_discriminator(replaced.detach())
            self.update(of_h_g, losses.discriminator_loss(real, sensitive, fake))
        self.steps += 1

    def filtered(self, images: Tensor) -> Tensor:
        """Return x', with fresh noise."""
        noise = torch.randn(len(images), self.filter.noise_size, device=self.device)
        filtered: Tensor = self.filter(images, noise)
        return filtered

    def penalty(self, censored: Tensor, original: Tensor) -> Tensor:
        """Return what the distortion beyond the budget costs."""
        distortion = losses.distortion(censored, original)
        return losses.distortion_penalty(distortion, self.epsilon, self.weight)

    def update(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """Let one player learn; whatever else the gradient reaches is thrown away later."""
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


class ImageFiles(Dataset[Batch]):
    """Image files, opened and resized one by one whenever they are asked for.

    Args:
        folder: of the files, in the order of their names.
        attributes: [N, A].
        image_size: that they are resized to.
    """

    def __init__(self, folder: Path, attributes: Tensor, image_size: int) -> None:
        self.paths = sorted(folder.iterdir())
        self.attributes = attributes
        self.transform = v2.Compose(
            [
                v2.Resize((image_size, image_size)),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Batch:
        image = self.transform(default_loader(str(self.paths[index])))
        return Batch(image, self.attributes[index])


def write_image_files(datamodule: TableDataModule, folder: Path, count: int) -> Tensor:
    """Write training images as JPEG files of CelebA's size; return their attributes, [N, A]."""
    rows = datamodule.rows("train")[:count]
    for number, row in enumerate(rows):
        image = Image.fromarray(datamodule.table.images[row]).resize(CELEBA_SIZE)
        image.save(folder / f"{number:06}.jpg", quality=90)
    return torch.from_numpy(datamodule.table.attributes[rows]).long()


def endless_batches(
    files: ImageFiles, batch_size: int, workers: int, pinned: bool
) -> Iterator[Batch]:
    """Yield shuffled batches from worker processes, epoch after epoch."""
    loader = DataLoader(
        files,
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
        pin_memory=pinned,
    )
    for _ in cycle([None]):
        yield from loader
