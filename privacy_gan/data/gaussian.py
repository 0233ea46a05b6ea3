"""Gaussian toy data as images of one pixel: their distribution is known exactly."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError

DRAWING_VERSION = 1  # raise it whenever the same arguments give other data


class GaussianDataModule(TableDataModule):
    """x | s ~ N(+-mu, sigma^2), the sign positive where s = 1; s in {0, 1} equally likely.

    Images are [B, 1, 1, 1] and not confined to [0, 1]; the one attribute, Sign, is s. What the
    best mechanism could do with them is in ``privacy_gan.evaluation.optimum``.

    Args:
        num_train: samples in the training split; likewise num_valid and num_test. A split is the
            beginning of a longer one.
        drawing_seed: of the samples, apart from the seed of training.
        mu: distance of both means from 0.
        sigma: standard deviation of both classes.
        image_size: 1, for there is one pixel.
        batches: see TableDataModule.

    Raises:
        UserError: an argument makes no sense.
    """

    viewable = False

    def __init__(
        self,
        num_train: int,
        num_valid: int,
        num_test: int,
        drawing_seed: int = 0,
        mu: float = math.sqrt(2),
        sigma: float = 0.7,
        image_size: int = 1,
        **batches: Any,
    ) -> None:
        super().__init__(**batches)
        self.counts = {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}
        self.drawing_seed = drawing_seed
        self.mu = mu
        self.sigma = sigma
        self._check_arguments(image_size)

    def _check_arguments(self, image_size: int) -> None:
        if image_size != 1:
            raise UserError(
                f"image_size={image_size}, but Gaussian toy data are images of one pixel: set it "
                "to 1"
            )
        for name, count in self.counts.items():
            if count < 1:
                raise UserError(
                    f"data.{name}={count}: each split needs a sample, set it to 1 or more"
                )
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise UserError(f"data.sigma={self.sigma} is not a standard deviation: set it above 0")
        if not (math.isfinite(self.mu) and self.mu >= 0):
            raise UserError(f"data.mu={self.mu} must be 0 or above: the classes lie at +-mu")
        if self.drawing_seed < 0:
            raise UserError(f"data.drawing_seed={self.drawing_seed} must be 0 or above")

    @property
    def data_name(self) -> str:
        """Gaussian, without a size."""
        return "gaussian"

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Sign alone."""
        return ("Sign",)

    def content_key(self) -> str:
        """Return a hash of all that determines the samples."""
        facts = (DRAWING_VERSION, *self.counts.values(), self.drawing_seed, self.mu, self.sigma)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def open_table(self) -> ImageTable:
        """Draw the samples: float32 [N, 1, 1, 1] with attributes [N, 1], train first."""
        drawn = [self._draw(split, count) for split, count in enumerate(self.counts.values())]
        samples, signs = (np.concatenate(column) for column in zip(*drawn, strict=True))
        return ImageTable(
            images=samples.astype(np.float32).reshape(-1, 1, 1, 1),
            attributes=signs.astype(np.uint8).reshape(-1, 1),
            splits=np.repeat(np.arange(3, dtype=np.uint8), list(self.counts.values())),
            attribute_names=self.attribute_names,
            fingerprint=self.content_key(),
        )

    def _draw(
        self, split: int, count: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        # two streams a split: a longer one then begins with the samples of a shorter one
        of_signs, of_noise = np.random.SeedSequence([self.drawing_seed, split]).spawn(2)
        signs = np.random.default_rng(of_signs).integers(0, 2, count)
        noise = np.random.default_rng(of_noise).standard_normal(count)
        return self.mu * (2 * signs - 1) + self.sigma * noise, signs
