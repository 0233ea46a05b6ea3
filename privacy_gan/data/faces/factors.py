# ruff: noqa: RUF009 - `uniform` declares a dataclass field, which ruff does not recognize
"""The random factors of each face: attributes with CelebA's joint frequencies, and nuisances.

One random number determines all attributes, so a flipped attribute leaves the nuisances unchanged.
The module `traits` combines both, for example into the length of a man's hair. Random numbers
depend only on a seed and an index, not on the batch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

# float32 when images are drawn; numpy's stubs widen it in operations with Python numbers
Floats = npt.NDArray[np.floating[Any]]

ATTRIBUTE_NAMES = (
    "Smiling",
    "Male",
    "Wearing_Lipstick",
    "Young",
    "High_Cheekbones",
    "Mouth_Slightly_Open",
    "Heavy_Makeup",
)
WORDS_PER_FACE = 96  # one for the attributes, one per nuisance, the rest unused


def uniform(low: float, high: float) -> Any:
    """Declare a factor with a uniform distribution between two values."""
    return dataclasses.field(metadata={"range": (low, high)})


@dataclass(frozen=True)
class Nuisances:
    """Factors drawn independently of the attributes and of each other, each float32 [B, 1, 1].

    The n-th field takes a face's n-th random number, so add new fields at the end. Lengths are in
    half image sides. Factors in 0..1 are scaled where they are used. The first seven fields are
    the strengths with which attributes show.
    """

    smile_strength: Floats = uniform(0, 1)
    male_strength: Floats = uniform(0, 1)
    lipstick_strength: Floats = uniform(0, 1)
    age_strength: Floats = uniform(0, 1)
    cheekbone_strength: Floats = uniform(0, 1)
    mouth_strength: Floats = uniform(0, 1)
    makeup_strength: Floats = uniform(0, 1)
    # Pose: position of the head, roll (tangent of half the angle), yaw and size.
    shift_x: Floats = uniform(-0.05, 0.05)
    shift_y: Floats = uniform(0.0, 0.07)
    roll: Floats = uniform(-0.06, 0.06)
    yaw: Floats = uniform(-0.07, 0.07)
    scale: Floats = uniform(1.0, 1.12)
    # Head and skin.
    skin_tone: Floats = uniform(0, 1)
    skin_warmth: Floats = uniform(-0.03, 0.03)
    face_width: Floats = uniform(0.52, 0.56)
    chin: Floats = uniform(0.71, 0.76)
    jaw: Floats = uniform(0, 1)
    flush: Floats = uniform(0, 1)
    neck_width: Floats = uniform(0.20, 0.24)
    # Hair: `hair_shade` and `hair_gray` choose the colour, `hair_tint` varies it.
    hair_shade: Floats = uniform(0, 1)
    hair_gray: Floats = uniform(0, 1)
    hair_tint: Floats = uniform(-1, 1)
    hair_length: Floats = uniform(0, 1)
    hair_fringe: Floats = uniform(0, 1)
    hair_part: Floats = uniform(-0.15, 0.15)
    hairline: Floats = uniform(-0.56, -0.48)
    hair_volume: Floats = uniform(0, 1)
    hair_wave: Floats = uniform(0, 1)
    beard: Floats = uniform(0, 1)
    # Eyes and brows.
    eye_colour: Floats = uniform(0, 1)
    eye_width: Floats = uniform(0.135, 0.155)
    eye_height: Floats = uniform(0.075, 0.10)
    eye_slant: Floats = uniform(-0.005, 0.03)
    lashes: Floats = uniform(0, 1)
    brow_height: Floats = uniform(-0.03, 0.02)
    brow_arch: Floats = uniform(0.015, 0.045)
    brow_slope: Floats = uniform(-0.012, 0.025)
    brow_weight: Floats = uniform(0.85, 1.2)
    # Nose and mouth.
    nose_width: Floats = uniform(0.075, 0.105)
    nose_length: Floats = uniform(0.17, 0.22)
    mouth_width: Floats = uniform(0.185, 0.225)
    mouth_height: Floats = uniform(0.40, 0.44)
    mouth_mood: Floats = uniform(-0.025, 0.012)
    lip_fullness: Floats = uniform(0, 1)
    lip_tone: Floats = uniform(0, 1)
    # Colours of make-up.
    lipstick_hue: Floats = uniform(0, 1)
    shadow_hue: Floats = uniform(0, 1)
    # Light from the image's left (-1) or right (1).
    light_side: Floats = uniform(-1, 1)
    light_strength: Floats = uniform(0.1, 0.45)
    exposure: Floats = uniform(0.93, 1.05)
    # Background and clothes.
    background_hue: Floats = uniform(0, 1)
    background_turn: Floats = uniform(-0.18, 0.18)
    background_saturation: Floats = uniform(0.08, 0.36)
    background_value: Floats = uniform(0.55, 0.97)
    background_slope: Floats = uniform(-1, 1)
    disc_x: Floats = uniform(-0.9, 0.9)
    disc_y: Floats = uniform(-0.9, 0.4)
    disc_size: Floats = uniform(0.5, 1.1)
    disc_light: Floats = uniform(-0.5, 0.9)
    clothes_hue: Floats = uniform(0, 1)
    clothes_saturation: Floats = uniform(0.05, 0.55)
    clothes_value: Floats = uniform(0.25, 0.9)
    neckline: Floats = uniform(0.05, 0.16)
    noise: Floats = uniform(0.004, 0.035)


@dataclass(frozen=True)
class Factors:
    """The factors of B faces.

    Attributes:
        attributes: uint8 [B, 7] in {0, 1}, in the order of ATTRIBUTE_NAMES.
        nuisances: all other factors.
    """

    attributes: npt.NDArray[np.uint8]
    nuisances: Nuisances


def draw_factors(seed: int, start: int, stop: int) -> Factors:
    """Return the factors of the faces from index `start` up to `stop`."""
    words = random_uint64(seed, FACTOR_STREAM, start, stop, WORDS_PER_FACE)
    numbers = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53  # in [0, 1)
    values = {}
    for column, field in enumerate(dataclasses.fields(Nuisances), start=1):
        low, high = field.metadata["range"]
        value = low + (high - low) * numbers[:, column]
        values[field.name] = value.astype(np.float32)[:, None, None]
    return Factors(sample_attributes(numbers[:, 0]), Nuisances(**values))


def sample_attributes(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Map numbers in [0, 1) to attributes, uint8 [B, 7], with CelebA's joint frequencies."""
    combinations, counts = joint_frequencies()
    ends = np.cumsum(counts)
    attributes: npt.NDArray[np.uint8] = combinations[
        np.searchsorted(ends, numbers * ends[-1], side="right")
    ]
    return attributes


@lru_cache(maxsize=1)
def joint_frequencies() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the attribute combinations in CelebA, uint8 [K, 7], and their counts, [K]."""
    table = resources.files(__package__).joinpath("celeba_attribute_joint.csv")
    header, *rows = table.read_text(encoding="utf-8").split()
    assert header.split(",") == [*ATTRIBUTE_NAMES, "count"]
    numbers = np.array([row.split(",") for row in rows], dtype=np.int64)
    return numbers[:, :-1].astype(np.uint8), numbers[:, -1]


FACTOR_STREAM, NOISE_STREAM = 0, 1
WORDS_PER_BLOCK = 4  # Philox generates four 64-bit words per counter value


def random_uint64(
    seed: int, stream: int, start: int, stop: int, words: int
) -> npt.NDArray[np.uint64]:
    """Return `words` random 64-bit words for each index in start..stop, uint64 [B, words].

    `words` must be a multiple of four. Uses Philox's raw output, which is fixed by its definition,
    because the output of numpy's Generator methods may change between versions of numpy.
    """
    counter = start * (words // WORDS_PER_BLOCK)
    philox = np.random.Philox(key=seed | stream << 64, counter=counter)
    return philox.random_raw((stop - start) * words).reshape(stop - start, words)
