"""Synthetic faces as a source of images and labels, drawn when they are asked for."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.face import draw_faces, finish
from privacy_gan.data.faces.factors import ATTRIBUTE_NAMES, draw_factors
from privacy_gan.data.faces.sampling import NOISE_STREAM, random_words
from privacy_gan.data.faces.traits import HAIR_COLOURS, hair_colour
from privacy_gan.errors import UserError

RENDERER_VERSION = 2  # raise it whenever the same seed and index give another image or label
HAIR_ATTRIBUTES = tuple(f"{colour.capitalize()}_Hair" for colour in HAIR_COLOURS)
PIXELS_AT_A_TIME = 65_536  # drawn together: few enough for the processor's cache


@dataclass(frozen=True)
class SyntheticFacesSource:
    """Faces of `image_size` pixels square, which with `seed` and index are always the same.

    The first `num_train` are the training split, then come `num_valid` and `num_test`. The same
    index is the same face at every size, but for the noise.
    """

    image_size: int
    num_train: int
    num_valid: int
    num_test: int
    seed: int

    def __post_init__(self) -> None:
        if self.image_size < 1 or self.image_size % 16:
            raise UserError(
                f"image_size={self.image_size} is not a multiple of 16: use 64 or 128, for example"
            )
        for split in ("num_train", "num_valid", "num_test"):
            if getattr(self, split) < 1:
                raise UserError(f"data.{split}={getattr(self, split)}: each split needs a face")
        if not 0 <= self.seed < 2**64:
            raise UserError(f"data.drawing_seed={self.seed} is not between 0 and 2**64 - 1")

    @property
    def name(self) -> str:
        return f"synthetic-faces-{self.image_size}"

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return (*ATTRIBUTE_NAMES, *HAIR_ATTRIBUTES)

    def fingerprint(self) -> str:
        """Return a short hash of all that determines images and labels."""
        return hashlib.sha256(repr((RENDERER_VERSION, *astuple(self))).encode()).hexdigest()[:16]

    def content_key(self) -> str:
        """Return the fingerprint: drawn faces lie nowhere else."""
        return self.fingerprint()

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes uint8 [N, 11] in {0, 1} and splits uint8 [N]: 0 train, 1 valid, 2 test.

        Train comes first, then valid, then test. Every face has exactly one colour of the hair.
        """
        counts = (self.num_train, self.num_valid, self.num_test)
        splits = np.repeat(np.arange(3, dtype=np.uint8), counts)
        factors = draw_factors(self.seed, 0, len(splits))
        hair = np.eye(len(HAIR_COLOURS), dtype=np.uint8)[hair_colour(factors)]
        return np.hstack([factors.attributes, hair]), splits

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return the faces from index `start` up to `stop`, uint8 [stop - start, S, S, 3]."""
        size = self.image_size
        images = np.empty((stop - start, size, size, 3), dtype=np.uint8)
        step = max(PIXELS_AT_A_TIME // size**2, 1)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            images[first - start : last - start] = self._draw(first, last)
        return images

    def _draw(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        size = self.image_size
        factors = draw_factors(self.seed, start, stop)
        words = random_words(self.seed, NOISE_STREAM, start, stop, size**2)
        return finish(
            draw_faces(factors, size), factors.nuisances.noise, words.reshape(-1, size, size)
        )
