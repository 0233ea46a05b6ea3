"""Small networks, fixed batches and a literal Adam, for step-by-step tests of the games."""

import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from privacy_gan.data.batch import Batch
from privacy_gan.models.unet import UNet

SIZE, NOISE, BATCH = 16, 7, 6


def unet(num_classes=None):
    return UNet(SIZE, width=2, noise_size=NOISE, num_classes=num_classes)


def small_discriminator(num_classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * (SIZE // 4) ** 2, num_classes),
    )


def make_batches(count):
    rng = torch.Generator().manual_seed(1)
    return [
        Batch(
            torch.rand(BATCH, 3, SIZE, SIZE, generator=rng, dtype=torch.float64),
            torch.randint(2, (BATCH, 3), generator=rng),
        )
        for _ in range(count)
    ]


class FixedBatches(LightningDataModule):
    batch_size = BATCH

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def train_dataloader(self):
        return DataLoader(self.batches, batch_size=None)

    def labels(self, split):
        assert split == "train"
        return torch.cat([attributes for _, attributes in self.batches])


def train(privatizer, batches, max_epochs=1, callbacks=()):
    trainer = Trainer(
        accelerator="cpu",
        precision="64-true",
        max_epochs=max_epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(privatizer, datamodule=FixedBatches(batches))


class LiteralAdam:
    """Kingma and Ba's Algorithm 1."""

    def __init__(self, parameters, learning_rate, betas):
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.betas = betas
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]
        self.t = 0

    @torch.no_grad()
    def step(self, gradients, lr_scale=1.0):
        """Update the parameters, with the learning rate multiplied by ``lr_scale``."""
        self.t += 1
        beta1, beta2 = self.betas
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m.copy_(beta1 * m + (1 - beta1) * g)
            v.copy_(beta2 * v + (1 - beta2) * g * g)
            m_hat = m / (1 - beta1**self.t)
            v_hat = v / (1 - beta2**self.t)
            p.sub_(lr_scale * self.learning_rate * m_hat / (v_hat.sqrt() + 1e-8))
