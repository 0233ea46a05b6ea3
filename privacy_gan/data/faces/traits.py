"""What depends on attributes and chance together: how strong a smile is, how long the hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import ATTRIBUTE_NAMES, Factors, Floats
from privacy_gan.data.faces.shapes import choose

HAIR_COLOURS = ("black", "brown", "blond", "gray")

# How strongly each attribute shows, from and to, where it is present and where it is absent. The
# gap between the two is small, so that the faint cases are hard to tell in a noisy image.
PRESENT = (0.35, 1.0)
ABSENT = (0.0, 0.2)


@dataclass(frozen=True)
class Traits:
    """How B faces are drawn, each float32 [B, 1, 1].

    The first seven follow the attributes and are in 0..1, `age` the reverse of Young. `hair_end`
    is where hair at the sides ends, in half image sides below the head's centre.
    """

    smile: Floats
    male: Floats
    lipstick: Floats
    age: Floats
    cheekbones: Floats
    mouth_open: Floats
    makeup: Floats
    beard: Floats
    hair_end: Floats


def traits_of(factors: Factors) -> Traits:
    chance = factors.nuisances
    male = present(factors, "Male")
    return Traits(
        smile=strength(present(factors, "Smiling"), chance.smile_strength),
        male=strength(male, chance.male_strength),
        lipstick=strength(present(factors, "Wearing_Lipstick"), chance.lipstick_strength),
        age=strength(~present(factors, "Young"), chance.age_strength),
        cheekbones=strength(present(factors, "High_Cheekbones"), chance.cheekbone_strength),
        mouth_open=opening(present(factors, "Mouth_Slightly_Open"), chance.mouth_strength),
        makeup=strength(present(factors, "Heavy_Makeup"), chance.makeup_strength),
        beard=choose(male, np.maximum(chance.beard - 0.25, 0) / 0.75, 0),
        hair_end=hair_end(male, chance.hair_length),
    )


def present(factors: Factors, attribute: str) -> npt.NDArray[np.bool_]:
    """Return which faces have an attribute, bool [B, 1, 1]."""
    column = factors.attributes[:, ATTRIBUTE_NAMES.index(attribute)]
    return np.asarray(column == 1)[:, None, None]


def strength(is_present: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    low = choose(is_present, PRESENT[0], ABSENT[0])
    high = choose(is_present, PRESENT[1], ABSENT[1])
    return low + (high - low) * draw


def opening(is_open: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    """From barely parted to wide: a closed mouth has no gap at all, so open ones begin low."""
    return choose(is_open, 0.12 + 0.88 * draw, 0)


def hair_end(male: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    """Short hair for all men and one woman in eight, else to the chin or over the shoulders."""
    cropped = -0.02 + 0.14 * draw
    falling = choose(draw < 0.4, 0.4 + 0.8 * draw, 0.7 + 0.6 * draw)
    return choose(male | (draw < 0.12), cropped, falling)


def is_short(hair_end: Floats) -> npt.NDArray[np.bool_]:
    return hair_end < 0.25


def hair_colour(factors: Factors) -> npt.NDArray[np.int64]:
    """Return the colour of each face's hair as an index into HAIR_COLOURS, int [B].

    Two in five of those who are not Young are gray. Blond is rarer the darker the skin; nothing
    else about a face bears on the colour.
    """
    chance = factors.nuisances
    dark = 0.36 + 0.3 * chance.skin_tone
    brown = 0.7 + 0.27 * chance.skin_tone
    index = np.where(chance.hair_shade < dark, 0, np.where(chance.hair_shade < brown, 1, 2))
    gray = ~present(factors, "Young") & (chance.hair_gray < 0.4)
    return np.where(gray, HAIR_COLOURS.index("gray"), index)[:, 0, 0]
