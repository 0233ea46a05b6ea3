"""What depends on attributes and chance together: how strong a smile is, and which colours show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import ATTRIBUTE_NAMES, Factors, Floats, Nuisances
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


def rgb(*codes: str) -> Floats:
    """Return colours written like `f9dcc8` as float32 [N, 3]."""
    channels = np.array([list(bytes.fromhex(code)) for code in codes], dtype=np.float32)
    return channels / 255


SKIN = rgb("fbe0cd", "f3c9a8", "e0a983", "c08560", "94603f", "6b4531")
HAIR = rgb("2a2225", "65402a", "e0ba74", "aeabab")  # in the order of traits.HAIR_COLOURS
LIPSTICK = rgb("e2603f", "cf1f35", "e0407f", "a3174f", "7d1640")
EYE_SHADOW = rgb("8a4f2c", "4a3140", "7a3a86", "3f5fae", "2f8f8f")
IRIS = rgb("3a2318", "5c3a22", "7d5a33", "5f7c4c", "4f80ad", "6d8796")
ROSE = rgb("d9606a")
BRICK = rgb("b04a48")
WHITE = rgb("f7f3ee")


@dataclass(frozen=True)
class Palette:
    """The colours that several parts of one face share."""

    skin: Floats
    lips: Floats
    hair: Floats
    hair_light: Floats
    lashes: Floats
    iris: Floats
    eye_shadow: Floats
    blush: Floats


def palette_of(factors: Factors, traits: Traits) -> Palette:
    chance = factors.nuisances
    skin = skin_colour(chance)
    hair = hair_shade(factors, traits)
    natural_lips = mix(
        skin * constant(rgb("e6b4ae")), constant(BRICK), 0.08 + 0.3 * chance.lip_tone
    )
    return Palette(
        skin=skin,
        lips=mix(natural_lips, blend(LIPSTICK, chance.lipstick_hue), 0.95 * traits.lipstick),
        hair=hair,
        hair_light=mix(hair, constant(WHITE), 0.3),
        lashes=mix(constant(rgb("2a1c1a")), hair, 0.25),
        iris=blend(IRIS, chance.eye_colour * (1 - 0.8 * chance.skin_tone)),
        eye_shadow=blend(EYE_SHADOW, chance.shadow_hue),
        blush=mix(skin * constant(rgb("f0b0a8")), constant(ROSE), 0.35),
    )


def skin_colour(chance: Nuisances) -> Floats:
    """Lighter tones are the more frequent; warmth moves red and blue apart."""
    colour = blend(SKIN, chance.skin_tone * (0.55 + 0.45 * chance.skin_tone))
    warmth = constant(np.array([[1, 0, -1]], dtype=np.float32))
    return np.clip(colour * (1 + warmth * chance.skin_warmth), 0, 1)


def hair_shade(factors: Factors, traits: Traits) -> Floats:
    """Vary the brightness, and let age mix a little gray into every colour."""
    base = HAIR[hair_colour(factors)].T[:, :, None, None]
    base = mix(base, constant(HAIR[3:]), 0.22 * traits.age)
    return np.clip(base * (1 + 0.16 * factors.nuisances.hair_tint), 0, 1)


def constant(colours: Floats) -> Floats:
    """Return one colour [1, 3] for all faces, [3, 1, 1, 1]."""
    return np.asarray(colours[0])[:, None, None, None]


def mix(first: Floats, second: Floats, share: Floats | float) -> Floats:
    return first + (second - first) * share


def blend(stops: Floats, place: Floats) -> Floats:
    """Return the colour at a place in 0..1, [B, 1, 1], along a row of stops [N, 3]."""
    along = place * (len(stops) - 1)
    index = np.minimum(np.floor(along), len(stops) - 2)
    lower: npt.NDArray[np.intp] = index.astype(np.intp)[:, 0, 0]
    first, second = (np.ascontiguousarray(stops[at].T) for at in (lower, lower + 1))
    return mix(first[:, :, None, None], second[:, :, None, None], along - index)


def from_hue(hue: Floats, saturation: Floats | float, value: Floats | float) -> Floats:
    """Return the colour with a hue in turns, a saturation and a value in 0..1, all [B, 1, 1]."""
    thirds = np.array([0, 2 / 3, 1 / 3], dtype=np.float32)[:, None, None, None]
    place = hue + thirds
    place = (place - np.floor(place)) * 6
    full = np.clip(np.abs(place - 3) - 1, 0, 1)
    return np.asarray(value * (1 + (full - 1) * saturation))
