"""Drawn faces as a source for the image cache, painted from back to front."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.binary_attributes import BinaryAttributes
from privacy_gan.data.faces.factors import (
    ATTRIBUTE_NAMES,
    NOISE_STREAM,
    Factors,
    Floats,
    draw_factors,
    random_uint64,
)
from privacy_gan.data.faces.features import draw_brows, draw_eyes, draw_mouth
from privacy_gan.data.faces.head import (
    draw_back_hair,
    draw_background,
    draw_body,
    draw_cheeks,
    draw_ears,
    draw_front_hair,
    draw_lines,
    draw_nose,
    draw_skin,
    hair_coverage,
    head_outline,
)
from privacy_gan.data.faces.shapes import Canvas, body_canvas, head_canvas, turn_features
from privacy_gan.data.faces.traits import HAIR_COLOURS, compute_palette, compute_traits, hair_colour
from privacy_gan.errors import UserError

RENDERER_VERSION = 2  # raise it whenever the same seed and index give another image or label
HAIR_ATTRIBUTES = tuple(f"{colour.capitalize()}_Hair" for colour in HAIR_COLOURS)
PIXELS_PER_CHUNK = 65_536  # drawn at a time; fits the processor's cache


@dataclass(frozen=True)
class SyntheticFacesSource(BinaryAttributes):
    """Drawn faces that are determined by `seed` and their index.

    The first `num_train` faces are the training split, followed by `num_valid` and `num_test`. A
    face is the same at every image size, except for its noise.
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
                raise UserError(f"data.{split}={getattr(self, split)}: use 1 or more")
        if not 0 <= self.seed < 2**64:
            raise UserError(f"data.drawing_seed={self.seed} is not between 0 and 2**64 - 1")

    @property
    def name(self) -> str:
        return f"synthetic-faces-{self.image_size}"

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return (*ATTRIBUTE_NAMES, *HAIR_ATTRIBUTES)

    def cache_key(self) -> str:
        """Return a hash of everything that determines images and labels."""
        return hashlib.sha256(repr((RENDERER_VERSION, *astuple(self))).encode()).hexdigest()[:16]

    def content_key(self) -> str:
        """Return the cache key, since drawn faces have no files."""
        return self.cache_key()

    def labels(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return attributes uint8 [N, 11] in {0, 1}, splits uint8 [N]: 0 train, 1 valid, 2 test.

        Splits are in this order. Every face has exactly one of the four hair colours.
        """
        counts = (self.num_train, self.num_valid, self.num_test)
        splits = np.repeat(np.arange(3, dtype=np.uint8), counts)
        factors = draw_factors(self.seed, 0, len(splits))
        hair = np.eye(len(HAIR_COLOURS), dtype=np.uint8)[hair_colour(factors)]
        return np.hstack([factors.attributes, hair]), splits

    def persons(self) -> None:
        """Return None: every face is drawn independently of all others."""

    def images(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Return the faces from index `start` up to `stop`, uint8 [stop - start, S, S, 3]."""
        size = self.image_size
        images = np.empty((stop - start, size, size, 3), dtype=np.uint8)
        step = max(PIXELS_PER_CHUNK // size**2, 1)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            images[first - start : last - start] = self._draw(first, last)
        return images

    def height_over_width(self, index: int) -> float:
        """Return 1: faces are drawn as squares."""
        del index
        return 1.0

    def _draw(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        size = self.image_size
        factors = draw_factors(self.seed, start, stop)
        words = random_uint64(self.seed, NOISE_STREAM, start, stop, size**2)
        return add_noise(
            draw_faces(factors, size), factors.nuisances.noise, words.reshape(-1, size, size)
        )


def draw_faces(factors: Factors, size: int) -> Floats:
    """Return faces without noise, float32 [3, B, size, size], RGB in about 0..1."""
    nuisances, traits = factors.nuisances, compute_traits(factors)
    palette = compute_palette(factors, traits)
    pixels = np.empty((3, len(factors.attributes), size, size), dtype=np.float32)
    body = body_canvas(pixels, nuisances)
    head = head_canvas(body, nuisances)

    draw_background(pixels, nuisances)
    hair = hair_coverage(head, nuisances, traits)
    draw_back_hair(head, hair, palette)
    draw_body(body, nuisances, traits, palette)
    draw_ears(head, nuisances, traits, palette)

    # The face is painted on a separate canvas, which is then clipped to the head's outline.
    face = Canvas(np.empty_like(pixels), head.x, head.y, head.unit)
    draw_skin(face, nuisances, traits, palette)
    inner = turn_features(face, nuisances.yaw)
    draw_cheeks(inner, nuisances, traits, palette)
    draw_lines(inner, nuisances, traits)
    draw_nose(inner, nuisances)
    draw_eyes(inner, nuisances, traits, palette)
    draw_brows(inner, nuisances, traits, palette)
    draw_mouth(inner, nuisances, traits, palette)
    head.paint(head_outline(head, nuisances, traits), face.pixels)

    draw_front_hair(head, hair, nuisances, traits, palette)
    pixels *= nuisances.exposure
    return pixels


def add_noise(
    pixels: Floats, amplitude: Floats, words: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint8]:
    """Add uniform noise and round.

    Args:
        pixels: float32 [3, B, S, S].
        amplitude: maximum absolute noise, [B, 1, 1].
        words: 64 random bits per pixel, uint64 [B, S, S], of which each channel uses 21.

    Returns:
        Images, uint8 [B, S, S, 3].
    """
    images = np.empty((*words.shape, 3), dtype=np.uint8)
    for channel, plane in enumerate(pixels):
        bits = (words >> np.uint64(21 * channel)) & np.uint64(2**21 - 1)
        noise = bits.astype(np.float32)
        noise *= 2.0**-20
        noise -= 1
        noise *= amplitude
        noise += plane
        noise *= 255
        noise += 0.5
        images[..., channel] = np.clip(noise, 0, 255, out=noise)  # the cast to uint8 rounds down
    return images
