"""Training steps to time: the project's without Lightning, and the paper's released code's.

The released code, the reference, runs the filter twice, lets the gradient of the generator's loss
flow back into the filter, and passes images through the discriminators again for every loss. It
uses float32, contiguous memory format and torch's default Adam. It computes Algorithm 1, except
for fresh noise in the generator's pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
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
    """The project's training steps in a plain loop, without Lightning's Trainer.

    Args:
        privatizer: untrained.
        compute: device and precision.
    """

    def __init__(self, privatizer: AdversarialPrivatizer, compute: Compute) -> None:
        self.privatizer = privatizer.to(compute.device).train()
        self.compute = compute
        self.steps = 0
        optimizers = privatizer.configure_optimizers()
        methods: dict[str, Callable[..., Any]] = {  # replace those that need a Trainer
            "optimizers": lambda: optimizers,
            "manual_backward": lambda loss, **kwargs: loss.backward(**kwargs),
            "log_training": lambda _: None,
        }
        for name, method in methods.items():
            setattr(privatizer, name, method)
        start: Any = SimpleNamespace(max_epochs=1, current_epoch=0, num_training_batches=math.inf)
        privatizer.trainer = start  # all steps are at the start of an epoch

    def __call__(self, batches: Iterator[Batch], count: int) -> None:
        """Take ``count`` steps on batches that are on the device."""
        for batch in islice(batches, count):
            with self.compute.autocast():
                self.privatizer.training_step(batch, self.steps)
            self.steps += 1


class PlainUNet(UNet):
    """The same UNet, with upsampling and concatenation before convolutions, as in the paper."""

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
        hidden = torch.cat([hidden, *self._bottleneck_inputs(noise, classes)], dim=1)
        for block in self.up:
            hidden = torch.cat([F.interpolate(hidden, scale_factor=2), skips.pop()], dim=1)
            for layer in block.children():
                hidden = layer(hidden)
        return torch.sigmoid(self.to_rgb(hidden))


class ReferenceStep:
    """Training steps of the released code.

    Args:
        filter: f.
        generator: g.
        filter_discriminator: h_f.
        generator_discriminator: h_g.
        epsilon: the distortion budget.
        weight: lambda of the penalty.
        learning_rate: of all networks.
        device: of the networks and the computation.
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
        networks = (filter, generator, filter_discriminator, generator_discriminator)
        self.networks = [network.to(device) for network in networks]
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=learning_rate) for network in networks
        ]
        self.noise_size = filter.noise_size
        self.epsilon, self.weight, self.device = epsilon, weight, device
        self.steps = 0

    def __call__(self, batches: Iterator[Labelled], count: int) -> None:
        """Take ``count`` steps."""
        for images, sensitive in islice(batches, count):
            self.step(images.to(self.device), sensitive.to(self.device))

    def step(self, images: Tensor, sensitive: Tensor) -> None:
        """Take one step: filter, generator, then their discriminators."""
        f, g, h_f, h_g = self.networks
        f_optimizer, g_optimizer, h_f_optimizer, h_g_optimizer = self.optimizers
        synthetic = torch.randint(2, sensitive.shape, device=self.device)

        filtered = f(images, self.noise(images))
        adversarial = losses.negative_entropy(h_f(filtered), sensitive).mean()
        optimize(f_optimizer, adversarial + self.penalty(filtered, images))

        filtered_again = f(images, self.noise(images))
        replaced = g(filtered_again, self.noise(images), synthetic)
        adversarial = F.cross_entropy(h_g(replaced), synthetic)
        optimize(g_optimizer, adversarial + self.penalty(replaced, images))

        optimize(h_f_optimizer, F.cross_entropy(h_f(filtered.detach()), sensitive))
        if self.steps % 3 == 0:
            real, fake = h_g(images), h_g(replaced.detach())
            optimize(h_g_optimizer, losses.discriminator_loss(real, sensitive, fake))
        self.steps += 1

    def noise(self, images: Tensor) -> Tensor:
        """Return fresh noise."""
        return torch.randn(len(images), self.noise_size, device=self.device)

    def penalty(self, censored: Tensor, original: Tensor) -> Tensor:
        """Return the penalty on distortion beyond the budget."""
        distortion = losses.distortion(censored, original)
        return losses.distortion_penalty(distortion, self.epsilon, self.weight)


def optimize(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Update one network; gradients that reach other networks are zeroed in their own updates."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def write_image_files(datamodule: TableDataModule, column: int, folder: Path, count: int) -> None:
    """Write training images as JPEG files of CelebA's size, in one folder per class."""
    table = datamodule.table
    for number, row in enumerate(datamodule.rows("train")[:count]):
        path = folder / str(table.attributes[row, column]) / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(table.images[row]).resize(CELEBA_SIZE).save(path, quality=90)


def endless_batches(
    folder: Path, image_size: int, batch_size: int, workers: int, pinned: bool
) -> Iterator[Labelled]:
    """Yield shuffled batches of image files forever; files are decoded and resized every time."""
    transforms = [v2.Resize((image_size, image_size)), v2.PILToTensor()]
    loader = DataLoader(
        ImageFolder(folder, v2.Compose([*transforms, v2.ToDtype(torch.float32, scale=True)])),
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
        pin_memory=pinned,
    )
    while True:
        yield from loader
