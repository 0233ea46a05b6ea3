"""Hair: a mass behind the head, and what falls in front of it from a hairline."""

from __future__ import annotations

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.palette import Palette
from privacy_gan.data.faces.shapes import Sheet, above, bump, choose, cover, ellipse_distance, wave
from privacy_gan.data.faces.traits import Traits, is_short

CROWN = -0.12  # the height of the middle of the ellipse that bounds the hair above
FAR = 9.0  # below every image: hair that has no end


def hair_mass(sheet: Sheet, chance: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of all hair, as if there were no face: a cap, and hair that falls."""
    short = is_short(traits.hair_end)
    width = choose(short, chance.face_width + 0.01, 0.6) + 0.06 * chance.hair_volume
    hair = cap(sheet, width, chance)
    hair *= cover(sheet.y - np.maximum(traits.hair_end, 0), sheet.unit)
    return np.maximum(hair, choose(short, 0, curtain(sheet, width, chance, traits)))


def cap(sheet: Sheet, width: Floats, chance: Nuisances) -> Floats:
    """Return the coverage of the hair around the skull, its edge rippled where hair is curly."""
    height = 0.69 + 0.08 * chance.hair_volume
    distance = ellipse_distance(sheet, 0, CROWN, width, height)
    across, down = sheet.x, sheet.y - CROWN
    around = across / (np.abs(across) + np.abs(down) + 1e-6)  # stands in for the angle
    curl = np.maximum(chance.hair_wave - 0.6, 0)
    distance -= curl * (0.1 + 0.055 * wave(4.5 * around))
    return cover(distance, sheet.unit)


def curtain(sheet: Sheet, width: Floats, chance: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of hair that falls from the crown to where it ends."""
    drop = np.maximum(sheet.y - CROWN, 0)
    curl = 0.04 * chance.hair_wave * wave(1.8 * sheet.y + chance.hair_part)
    flare = 0.12 * chance.hair_volume * drop * (1.2 - drop) + curl * np.minimum(4 * drop, 1)
    flare += 0.1 * np.maximum(chance.hair_wave - 0.6, 0)
    hair = cover(np.abs(sheet.x) - width - flare, sheet.unit)
    hair *= cover(CROWN - sheet.y, sheet.unit)
    hair *= cover(sheet.y - traits.hair_end + 0.25 * sheet.x * sheet.x, sheet.unit)
    return hair


def draw_back_hair(sheet: Sheet, mass: Floats, palette: Palette) -> None:
    """Draw the hair behind head and neck, in its own shadow."""
    sheet.paint(mass, palette.hair * 0.72)


def draw_front_hair(
    sheet: Sheet, mass: Floats, chance: Nuisances, traits: Traits, palette: Palette
) -> None:
    """Draw the hair before forehead and temples; short hair fades out in front of the ears."""
    short = is_short(traits.hair_end)
    ends = choose(short, traits.hair_end, FAR)
    front = np.clip((ends - sheet.y) * 6, 0, 1)
    front *= mass
    front *= front_of_hairline(sheet, chance, traits)
    sheet.paint(front, palette.hair)
    front *= sheen(sheet, chance)
    sheet.paint(front, palette.hair_light)


def front_of_hairline(sheet: Sheet, chance: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of what lies above the hairline, a curve of the fourth degree.

    A fringe is low and flat, short hair higher, and longer hair opens at a parting.
    """
    fringe = chance.hair_fringe < 0.28
    parted = ~(is_short(traits.hair_end) | fringe)
    top = choose(fringe, chance.hairline + 0.2, chance.hairline)
    second = choose(parted, 1.7, choose(fringe, 0.1, 0.5))
    fourth = choose(parted, 2.4, choose(fringe, 7.5, 6.5))
    middle = choose(parted, 1, 0.3) * chance.hair_part
    d = sheet.x - middle
    square = d * d
    curve = (fourth * square + second) * square + top
    slope = (4 * fourth * square + 2 * second) * d
    return above(sheet, curve, slope)


def sheen(sheet: Sheet, chance: Nuisances) -> Floats:
    """Return an arc of light on the crown, stronger on the lit side, and strands that fall."""
    px, py = sheet.x / 0.66, (sheet.y - CROWN) / 0.74
    ring = (px * px + py * py - 0.7) / 0.24
    light = bump(ring * ring)
    light *= np.clip(0.55 + 0.8 * chance.light_side * sheet.x, 0, 1)
    light *= np.clip(-1.6 * py, 0, 1)
    strands = wave(4.5 * (sheet.x - chance.hair_part) / (np.maximum(sheet.y, -0.9) + 1.4))
    strands *= 0.13
    light += strands
    return light
