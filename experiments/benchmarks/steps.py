"""The steps that are timed: the mechanism's own without Lightning, and the released code's way.

The latter, the reference, runs the filter twice, lets the generator's loss flow back into the
filter, and passes images through the discriminators again for every loss; in float32, in torch's
usual layout, with Adam as torch sets it up. What comes out is Algorithm 1 but for fresh noise in
the generator's pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from privacy_gan import losses
from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.hardware import Compute
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer

CELEBA_SIZE = (178, 218)  # width and height of CelebA's aligned images

Labelled = tuple[Tensor, Tensor]  # images [B, 3, S, S] in [0, 1], the sensitive attribute [B]


class BareStep:
    """The mechanism's own training steps in a plain loop, without Lightning's Trainer.

    Args:
        privatizer: untrained.
        compute: where, and in which precision.
    """

    def __init__(self, privatizer: AdversarialPrivatizer, compute: Compute) -> None:
        self.privatizer = privatizer.to(compute.device).train()
        self.compute = compute
        self.steps = 0
        optimizers = privatizer.configure_optimizers()
        answers: dict[str, Callable[..., Any]] = {  # to all that a step asks its Trainer
            "optimizers": lambda: optimizers,
            "manual_backward": lambda loss, **how: loss.backward(**how),
            "training_progress": lambda _: 0.0,
            "log_dict": lambda _: None,
        }
        for name, answer in answers.items():
            setattr(privatizer, name, answer)

    def __call__(self, batches: Iterator[Batch], count: int) -> None:
        """Take some steps on batches that are on the device."""
        for batch in islice(batches, count):
            with self.compute.autocast():
                self.privatizer.training_step(batch, self.steps)
            self.steps += 1


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
        epsilon: float,
        weight: float,
        learning_rate: float,
        device: torch.device,
    ) -> None:
        self.networks = [
            player.to(device)
            for player in (filter, generator, filter_discriminator, generator_discriminator)
        ]
        self.optimizers = [
            torch.optim.Adam(p.parameters(), lr=learning_rate) for p in self.networks
        ]
        self.noise_size = filter.noise_size
        self.epsilon, self.weight, self.device = epsilon, weight, device
        self.steps = 0

    def __call__(self, batches: Iterator[Labelled], count: int) -> None:
        """Take some steps."""
        for images, sensitive in islice(batches, count):
            self.step(images.to(self.device), sensitive.to(self.device))

    def step(self, images: Tensor, sensitive: Tensor) -> None:
        """Take one: filter, generator, then their discriminators."""
        f, g, h_f, h_g = self.networks
        of_f, of_g, of_h_f, of_h_g = self.optimizers
        synthetic = torch.randint(2, sensitive.shape, device=self.device)

        filtered = f(images, self.noise(images))
        adversarial = losses.negative_entropy(h_f(filtered), sensitive)
        optimize(of_f, adversarial + self.penalty(filtered, images))

        again = f(images, self.noise(images))
        replaced = g(again, self.noise(images), synthetic)
        adversarial = F.cross_entropy(h_g(replaced), synthetic)
        optimize(of_g, adversarial + self.penalty(replaced, images))

        optimize(of_h_f, F.cross_entropy(h_f(filtered.detach()), sensitive))
        if self.steps % 3 == 0:
            real, fake = h_g(images), h_g(replaced.detach())
            optimize(of_h_g, losses.discriminator_loss(real, sensitive, fake))
        self.steps += 1

    def noise(self, images: Tensor) -> Tensor:
        """Return fresh noise."""
        return torch.randn(len(images), self.noise_size, device=self.device)

    def penalty(self, censored: Tensor, original: Tensor) -> Tensor:
        """Return what the distortion beyond the budget costs."""
        distortion = losses.distortion(censored, original)
        return losses.distortion_penalty(distortion, self.epsilon, self.weight)


def optimize(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Let one player learn; whatever else the gradient reaches is thrown away later."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def write_image_files(datamodule: TableDataModule, column: int, folder: Path, count: int) -> None:
    """Write training images as JPEG files of CelebA's size, a folder for each class."""
    table = datamodule.table
    for number, row in enumerate(datamodule.rows("train")[:count]):
        path = folder / str(table.attributes[row, column]) / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(table.images[row]).resize(CELEBA_SIZE).save(path, quality=90)


def endless_batches(
    folder: Path, image_size: int, batch_size: int, workers: int, pinned: bool
) -> Iterator[Labelled]:
    """Yield shuffled batches of files that are opened and resized whenever they are asked for."""
    resized = [v2.Resize((image_size, image_size)), v2.PILToTensor()]
    loader = DataLoader(
        ImageFolder(folder, v2.Compose([*resized, v2.ToDtype(torch.float32, scale=True)])),
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
        pin_memory=pinned,
    )
    while True:
        yield from loader
