"""The appearance of each face, computed from its attributes and nuisances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import ATTRIBUTE_NAMES, Factors, Floats, Nuisances
from privacy_gan.data.faces.shapes import where

HAIR_COLOURS = ("black", "brown", "blond", "gray")

# Range of the strength with which an attribute shows, if it is present and if it is absent. The gap
# is small, so faint cases are hard to classify in a noisy image.
PRESENT = (0.35, 1.0)
ABSENT = (0.0, 0.2)


@dataclass(frozen=True)
class Traits:
    """The visible traits of B faces, each float32 [B, 1, 1].

    The first seven depend on the attributes and are in 0..1; `age` is the opposite of Young.
    `hair_end` is the y at which the hair at the sides ends, in half image sides from the centre.
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


def compute_traits(factors: Factors) -> Traits:
    nuisances = factors.nuisances
    male = has_attribute(factors, "Male")
    return Traits(
        smile=trait_strength(has_attribute(factors, "Smiling"), nuisances.smile_strength),
        male=trait_strength(male, nuisances.male_strength),
        lipstick=trait_strength(
            has_attribute(factors, "Wearing_Lipstick"), nuisances.lipstick_strength
        ),
        age=trait_strength(~has_attribute(factors, "Young"), nuisances.age_strength),
        cheekbones=trait_strength(
            has_attribute(factors, "High_Cheekbones"), nuisances.cheekbone_strength
        ),
        mouth_open=mouth_opening(
            has_attribute(factors, "Mouth_Slightly_Open"), nuisances.mouth_strength
        ),
        makeup=trait_strength(has_attribute(factors, "Heavy_Makeup"), nuisances.makeup_strength),
        beard=where(male, np.maximum(nuisances.beard - 0.25, 0) / 0.75, 0),
        hair_end=hair_end(male, nuisances.hair_length),
    )


def has_attribute(factors: Factors, attribute: str) -> npt.NDArray[np.bool_]:
    """Return which faces have an attribute, bool [B, 1, 1]."""
    column = factors.attributes[:, ATTRIBUTE_NAMES.index(attribute)]
    return np.asarray(column == 1)[:, None, None]


def trait_strength(is_present: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    low = where(is_present, PRESENT[0], ABSENT[0])
    high = where(is_present, PRESENT[1], ABSENT[1])
    return low + (high - low) * draw


def mouth_opening(is_open: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    """Return how far the mouth is open: 0 if it is closed, else 0.12 (barely) to 1 (wide)."""
    return where(is_open, 0.12 + 0.88 * draw, 0)


def hair_end(male: npt.NDArray[np.bool_], draw: Floats) -> Floats:
    """Return short hair for all men and 12% of women, else to the chin or over the shoulders."""
    cropped = -0.02 + 0.14 * draw
    falling = where(draw < 0.4, 0.4 + 0.8 * draw, 0.7 + 0.6 * draw)
    return where(male | (draw < 0.12), cropped, falling)


def is_short(hair_end: Floats) -> npt.NDArray[np.bool_]:
    return hair_end < 0.25


def hair_colour(factors: Factors) -> npt.NDArray[np.int64]:
    """Return the hair colour of each face as an index into HAIR_COLOURS, int [B].

    Of the faces that are not Young, 40% are gray. Blond is rarer for darker skin. The colour does
    not depend on any other factor.
    """
    nuisances = factors.nuisances
    dark = 0.36 + 0.3 * nuisances.skin_tone
    brown = 0.7 + 0.27 * nuisances.skin_tone
    index = np.where(nuisances.hair_shade < dark, 0, np.where(nuisances.hair_shade < brown, 1, 2))
    gray = ~has_attribute(factors, "Young") & (nuisances.hair_gray < 0.4)
    return np.where(gray, HAIR_COLOURS.index("gray"), index)[:, 0, 0]


def hex_to_rgb(*codes: str) -> Floats:
    """Convert hexadecimal colours such as `f9dcc8` to float32 [N, 3]."""
    channels = np.array([list(bytes.fromhex(code)) for code in codes], dtype=np.float32)
    return channels / 255


SKIN = hex_to_rgb("fbe0cd", "f3c9a8", "e0a983", "c08560", "94603f", "6b4531")
HAIR = hex_to_rgb("2a2225", "65402a", "e0ba74", "aeabab")  # in the order of HAIR_COLOURS
LIPSTICK = hex_to_rgb("e2603f", "cf1f35", "e0407f", "a3174f", "7d1640")
EYE_SHADOW = hex_to_rgb("8a4f2c", "4a3140", "7a3a86", "3f5fae", "2f8f8f")
IRIS = hex_to_rgb("3a2318", "5c3a22", "7d5a33", "5f7c4c", "4f80ad", "6d8796")
ROSE = hex_to_rgb("d9606a")
BRICK = hex_to_rgb("b04a48")
WHITE = hex_to_rgb("f7f3ee")


@dataclass(frozen=True)
class Palette:
    """The colours that several parts of a face share."""

    skin: Floats
    lips: Floats
    hair: Floats
    hair_light: Floats
    lashes: Floats
    iris: Floats
    eye_shadow: Floats
    blush: Floats


def compute_palette(factors: Factors, traits: Traits) -> Palette:
    nuisances = factors.nuisances
    skin = skin_colour(nuisances)
    hair = hair_shade(factors, traits)
    natural_lips = mix(
        skin * broadcast_colour(hex_to_rgb("e6b4ae")),
        broadcast_colour(BRICK),
        0.08 + 0.3 * nuisances.lip_tone,
    )
    return Palette(
        skin=skin,
        lips=mix(
            natural_lips, colour_ramp(LIPSTICK, nuisances.lipstick_hue), 0.95 * traits.lipstick
        ),
        hair=hair,
        hair_light=mix(hair, broadcast_colour(WHITE), 0.3),
        lashes=mix(broadcast_colour(hex_to_rgb("2a1c1a")), hair, 0.25),
        iris=colour_ramp(IRIS, nuisances.eye_colour * (1 - 0.8 * nuisances.skin_tone)),
        eye_shadow=colour_ramp(EYE_SHADOW, nuisances.shadow_hue),
        blush=mix(skin * broadcast_colour(hex_to_rgb("f0b0a8")), broadcast_colour(ROSE), 0.35),
    )


def skin_colour(nuisances: Nuisances) -> Floats:
    """Return the skin colour. Lighter tones are more frequent; warmth separates red and blue."""
    colour = colour_ramp(SKIN, nuisances.skin_tone * (0.55 + 0.45 * nuisances.skin_tone))
    warmth = broadcast_colour(np.array([[1, 0, -1]], dtype=np.float32))
    return np.clip(colour * (1 + warmth * nuisances.skin_warmth), 0, 1)


def hair_shade(factors: Factors, traits: Traits) -> Floats:
    """Return the hair colour with random brightness, and some gray for age."""
    base = HAIR[hair_colour(factors)].T[:, :, None, None]
    base = mix(base, broadcast_colour(HAIR[3:]), 0.22 * traits.age)
    return np.clip(base * (1 + 0.16 * factors.nuisances.hair_tint), 0, 1)


def broadcast_colour(colours: Floats) -> Floats:
    """Reshape one colour, [1, 3], to [3, 1, 1, 1] for all faces."""
    return np.asarray(colours[0])[:, None, None, None]


def mix(first: Floats, second: Floats, share: Floats | float) -> Floats:
    return first + (second - first) * share


def colour_ramp(stops: Floats, position: Floats) -> Floats:
    """Interpolate colours [N, 3] linearly at positions in 0..1, [B, 1, 1]."""
    along = position * (len(stops) - 1)
    index = np.minimum(np.floor(along), len(stops) - 2)
    lower: npt.NDArray[np.intp] = index.astype(np.intp)[:, 0, 0]
    first, second = (np.ascontiguousarray(stops[at].T) for at in (lower, lower + 1))
    return mix(first[:, :, None, None], second[:, :, None, None], along - index)


def hsv_to_rgb(hue: Floats, saturation: Floats | float, value: Floats | float) -> Floats:
    """Convert hue, saturation and value in 0..1, each [B, 1, 1], to RGB. Hue is periodic."""
    thirds = np.array([0, 2 / 3, 1 / 3], dtype=np.float32)[:, None, None, None]
    position = hue + thirds
    position = (position - np.floor(position)) * 6
    full = np.clip(np.abs(position - 3) - 1, 0, 1)
    return np.asarray(value * (1 + (full - 1) * saturation))
