"""Data with an obvious attribute, and mechanisms that leak it in known ways."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.attack import PAPER
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.metrics import build_scores
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.observations import Observations
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.runs.evaluation import RETRAINED

SIZE, FEATURES = 16, 128


class LightAndDark(TableDataModule):
    """Noise that is lighter if "Light" is 1 and redder if "Red" is 1; both are independent."""

    data_name = "light-and-dark"
    attribute_names = ("Light", "Red")

    def __init__(self, train=512, valid=256, test=256, constant_in=None, size=SIZE):
        super().__init__(batch_size=32, seed=0)
        self.size = size
        self.counts = (train, valid, test)
        self.constant_in = constant_in

    def content_key(self):
        return f"{sum(self.counts):016x}"

    def open_table(self):
        rng = np.random.default_rng(0)
        splits = np.repeat(np.arange(3, dtype=np.uint8), self.counts)
        attributes = rng.integers(0, 2, (len(splits), 2)).astype(np.uint8)
        if self.constant_in is not None:
            attributes[splits == self.constant_in, 0] = 1
        images = rng.integers(0, 100, (len(splits), self.size, self.size, 3))
        images += 100 * attributes[:, :1, None, None]
        images[..., 0] += 55 * attributes[:, 1, None, None]
        return ImageTable(images.astype(np.uint8), attributes, splits, self.attribute_names, "")


class Planted(Privatizer):
    """Reads s from an image and creates a new image from s and noise, or from noise alone."""

    def draw(self, images, rng):
        return {"noise": torch.rand(images.shape, generator=rng)}

    def forward(self, images, draws):
        light = (images[:, 1:].mean(dim=(1, 2, 3)) > 0.4).long()
        return Censored(self.render(light, **draws), None)


class InOnePixel(Planted):
    """Noise, except for one pixel."""

    def render(self, light, noise):
        shown = noise.clone()
        shown[:, :, 3, 5] = light[:, None].float()
        return shown


class InTheNoise(Planted):
    """Noise with the same distribution in every pixel; neighbours are equal if s is 1."""

    def render(self, light, noise):
        paired = noise.clone()
        paired[..., 1::2] = paired[..., ::2]
        return torch.where(light[:, None, None, None] == 1, paired, noise)


class OverManyQueries(Planted):
    """Shows s with probability 0.6 and the opposite otherwise."""

    def draw(self, images, rng):
        draws = super().draw(images, rng)
        return {**draws, "lies": torch.rand(len(images), generator=rng) < 0.4}

    def render(self, light, noise, lies):
        shown = torch.where(lies, 1 - light, light)
        return (noise + shown[:, None, None, None]) / 2


class AtRandom(Planted):
    """Shows a random attribute."""

    def draw(self, images, rng):
        synthetic = torch.randint(2, (len(images),), generator=rng)
        return {"synthetic": synthetic, **super().draw(images, rng)}

    def forward(self, images, draws):
        shown = draws["synthetic"]
        return Censored((draws["noise"] + shown[:, None, None, None]) / 2, shown)


class ChangedWithATrace(AtRandom):
    """Shows a random attribute; where it differs from the true one, the image is smoother."""

    def forward(self, images, draws):
        light = (images[:, 1:].mean(dim=(1, 2, 3)) > 0.4).long()
        shown, noise = draws["synthetic"], draws["noise"]
        noise = torch.where((shown == light)[:, None, None, None], noise, 0.4 + 0.2 * noise)
        return Censored((noise + shown[:, None, None, None]) / 2, shown)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=3e-3)


def small_network(num_classes):
    """A network of two convolutions that keeps positions and is quick to train."""
    body = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2)),
        # few features, since the judge often computes roots of their covariance
        *(nn.Conv2d(32, FEATURES // (SIZE // 4) ** 2, 1), nn.Flatten()),
    )
    return Classifier(body, FEATURES, num_classes)


def judge_in(folder, epochs=4, adversaries=None, resamples=200, queries=(1, 4, 16), retrained=None):
    """Return a small judge whose classifiers are in a folder."""
    recipe = Recipe(adam)
    classifiers = FixedClassifiers(folder, small_network, recipe, 5, 32, seed=0, settings="small")
    if adversaries is None:
        adversaries = {"small": scratch}
    settings = dict.fromkeys(["panel", RETRAINED, PAPER], f"{epochs} epochs: {[*adversaries]}")
    return Judge(
        *(
            classifiers,
            settings,
            ["Light", "Red"],
            adversaries,
            0,
            epochs,
            32,
            queries,
            resamples,
        ),
        retrained=retrained,
    )


def scratch(**task):
    return from_scratch(network=small_network, recipe=Recipe(adam), **task)


def observations_of(probabilities, labels):
    """Return observations of adversaries, with the same labels in all splits."""
    by_name = {"s": labels}
    return Observations(
        "s", ("0", "1"), (), by_name, by_name, Bootstrap(20, 0), build_scores("01"), probabilities
    )
