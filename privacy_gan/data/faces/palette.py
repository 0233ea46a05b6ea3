"""The colours of a face, each float32 [3, B, 1, 1], RGB in 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import Factors, Floats, Nuisances
from privacy_gan.data.faces.traits import Traits, hair_colour


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
    return Palette(
        skin=skin,
        lips=lip_colour(skin, chance, traits),
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


def lip_colour(skin: Floats, chance: Nuisances, traits: Traits) -> Floats:
    natural = mix(skin * constant(rgb("e6b4ae")), constant(BRICK), 0.08 + 0.3 * chance.lip_tone)
    return mix(natural, blend(LIPSTICK, chance.lipstick_hue), 0.95 * traits.lipstick)


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
