"""The strongest adversary trained on a quarter and a half of the images: what it says about more."""

import math
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.adversaries import from_fixed_classifier, from_scratch
from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.data_scaling import (
    SHARES,
    choose_winner,
    train_on_subsets,
)
from privacy_gan.evaluation.halving import Limits
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.scaling_measures import measure_code_length, measure_scaling
from privacy_gan.evaluation.source import original_images
from privacy_gan.hardware import Compute
from privacy_gan.models.mlp import mlp_classifier
from privacy_gan.runs.artifacts import ArtifactCache
from privacy_gan.runs.data_scaling import DataScaling
from privacy_gan.runs.result import RETRAINED

CPU = Compute(torch.device("cpu"), nullcontext)
TRAIN, VALID, TEST = 1024, 512, 2048


class Numbers(TableDataModule):
    """Gaussian vectors; the mean of the first component depends on s, of any number of classes."""

    data_name = "numbers"
    attribute_names = ("s",)

    def __init__(self, distance, dimensions=1, values=2, train=TRAIN, frequency=None):
        super().__init__(batch_size=32, seed=0)
        self.distance, self.dimensions, self.values = distance, dimensions, values
        self.counts = (train, VALID, TEST)
        self.frequency = frequency or 1 / values  # of the last value

    def content_key(self):
        return "0" * 16

    def classes(self, attribute):
        return tuple(map(str, range(self.values)))

    def open_table(self):
        rng = np.random.default_rng(0)
        total = sum(self.counts)
        others = (1 - self.frequency) / (self.values - 1)
        p = [others] * (self.values - 1) + [self.frequency]
        labels = rng.choice(self.values, total, p=p)
        images = rng.standard_normal((total, 1, 1, self.dimensions))
        images += self.distance * (labels[:, None, None, None] - (self.values - 1) / 2) / math.sqrt(
            self.dimensions
        )
        return ImageTable(
            images.astype(np.float32),
            labels.astype(np.uint8)[:, None],
            np.repeat(np.arange(3, dtype=np.uint8), self.counts),
            self.attribute_names,
            "",
        )
