"""Data module for Gaussian toy data with a known distribution, as images of one pixel."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError

DRAWING_VERSION = 1  # raise it whenever the same arguments give different data


class GaussianDataModule(TableDataModule):
    """Samples of x | s ~ N(mu, sigma^2) for s = 1 and N(-mu, sigma^2) for s = 0.

    s is the attribute Sign. Images are [B, 1, 1, 1], and not
    limited to [0, 1]. ``privacy_gan.evaluation.optimum`` computes the best possible mechanism.

    Args:
        num_train: number of training samples. A shorter split is the start of a longer one.
        num_valid: number of validation samples.
        num_test: number of test samples.
        drawing_seed: seed of the samples, independent of the seed of training.
        mu: distance of both means from 0.
        sigma: standard deviation of both classes.
        prior: probability of s = 1.
        image_size: must be 1.
        batches: batch options, see TableDataModule.

    Raises:
        UserError: an argument is invalid.
    """

    viewable = False
    independent_images = True

    def __init__(
        self,
        num_train: int,
        num_valid: int,
        num_test: int,
        drawing_seed: int = 0,
        mu: float = math.sqrt(2),
        sigma: float = 0.7,
        prior: float = 0.5,
        image_size: int = 1,
        **batches: Any,
    ) -> None:
        super().__init__(**batches)
        self.counts = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        self.drawing_seed = drawing_seed
        self.mu = mu
        self.sigma = sigma
        self.prior = prior
        self._check_arguments(image_size)

    def _check_arguments(self, image_size: int) -> None:
        if image_size != 1:
            raise UserError(
                f"image_size={image_size} is invalid, because Gaussian toy data are images of one "
                "pixel: set it to 1"
            )
        for name, count in self.counts.items():
            if count < 1:
                raise UserError(f"data.{name}={count}: each split needs at least 1 sample")
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise UserError(f"data.sigma={self.sigma} must be finite and above 0")
        if not (math.isfinite(self.mu) and self.mu >= 0):
            raise UserError(f"data.mu={self.mu} must be finite and at least 0")
        if not 0 < self.prior < 1:
            raise UserError(f"data.prior={self.prior} must be above 0 and below 1")
        if self.drawing_seed < 0:
            raise UserError(f"data.drawing_seed={self.drawing_seed} must be at least 0")

    @property
    def data_name(self) -> str:
        """The name of the data set, which has no image size."""
        return "gaussian"

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The only attribute, Sign."""
        return ("Sign",)

    def content_key(self) -> str:
        """Return a hash of everything that determines the samples."""
        settings = (DRAWING_VERSION, *self.counts.values(), self.drawing_seed, self.mu, self.sigma)
        if self.prior != 0.5:  # equally likely values have the key that they always had
            settings += (self.prior,)
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]

    def open_table(self) -> ImageTable:
        """Draw the samples, float32 [N, 1, 1, 1], and their attributes, [N, 1]."""
        splits = [self._draw(split, count) for split, count in enumerate(self.counts.values())]
        samples, signs = (np.concatenate(column) for column in zip(*splits, strict=True))
        return ImageTable(
            images=samples.astype(np.float32).reshape(-1, 1, 1, 1),
            attributes=signs.astype(np.uint8).reshape(-1, 1),
            splits=np.repeat(np.arange(3, dtype=np.uint8), list(self.counts.values())),
            attribute_names=self.attribute_names,
            cache_key=self.content_key(),
        )

    def _draw(
        self, split: int, count: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        # two streams per split, so that a longer split starts with the samples of a shorter one
        sign_seed, noise_seed = np.random.SeedSequence([self.drawing_seed, split]).spawn(2)
        rng = np.random.default_rng(sign_seed)
        if self.prior == 0.5:
            signs = rng.integers(0, 2, count)
        else:
            signs = (rng.random(count) < self.prior).astype(np.int64)
        noise = np.random.default_rng(noise_seed).standard_normal(count)
        return self.mu * (2 * signs - 1) + self.sigma * noise, signs
