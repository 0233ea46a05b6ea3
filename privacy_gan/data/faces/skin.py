"""The face itself: its outline, light and shade, cheeks, lines, beard and nose."""

from __future__ import annotations

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.palette import Palette, constant, mix, rgb
from privacy_gan.data.faces.pose import window
from privacy_gan.data.faces.shapes import Sheet, choose, cover, ellipse, glow, stroke
from privacy_gan.data.faces.traits import Traits, is_short

SHADE = constant(rgb("bf8f84"))  # skin turns redder where it is darker
LINE = constant(rgb("a47a6c"))
LIGHT = constant(np.array([[1.16, 1.15, 1.13]], dtype=np.float32))
WIDEST = 0.02  # the height at which the head is widest


def head_outline(sheet: Sheet, chance: Nuisances, traits: Traits) -> Floats:
    """Return the coverage of the head: half an ellipse above, a jaw of variable shape below.

    The edge is where F(x, y) = 1, and (F - 1) / |grad F| is the distance from it nearby.
    """
    y = sheet.y - WIDEST
    lower = y > 0
    t = y / choose(lower, chance.chin - WIDEST, 0.7)
    jaw = 0.1 + 0.2 * chance.jaw + 0.38 * traits.male
    square = choose(lower, jaw, 0.15)
    taper = 0.17 - 0.11 * traits.male + 0.05 * traits.cheekbones
    width = chance.face_width + 0.015 * traits.male
    half = width * (1 - taper * np.maximum(t, 0))
    across = sheet.x / half
    t2 = t * t
    edge = across * across + (1 - square + square * t2) * t2 - 1
    dx = across / half
    dy = (1 - square + 2 * square * t2) * t
    dy /= 0.7
    edge /= 2 * np.sqrt(dx * dx + dy * dy + 1e-6)
    return cover(edge, sheet.unit)


def draw_ears(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the ears that short hair leaves free."""
    free = is_short(traits.hair_end)
    part = window(sheet, 0.68, -0.16, 0.24).mirrored()
    at = chance.face_width + 0.005
    part.paint(free * ellipse(part, at, 0.02, 0.07, 0.12), palette.skin * 0.94)
    part.tint(free * 0.8 * ellipse(part, at + 0.01, 0.02, 0.035, 0.07), SHADE)


def draw_skin(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    """Fill the sheet with skin in the light: round at the edges, dark on the side away from it."""
    sheet.pixels[:] = palette.skin
    side = np.clip(0.5 - 0.9 * chance.light_side * sheet.x, 0, 1)
    side *= chance.light_strength
    round_off = glow(sheet, 0.06 * chance.light_side, -0.02, 0.74, 0.98)
    side += 0.34 * (1 - round_off)
    sheet.tint(side, SHADE)
    draw_beard(sheet, chance, traits, palette)


def draw_beard(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    """Shade the jaw and the upper lip of men, from nothing over stubble to a short beard."""
    part = window(sheet, 0.58, 0.15, 0.8)
    y = part.y - 0.30 + 0.3 * np.abs(part.x)
    soft = np.clip(y * 5, 0, 1)
    soft *= 1 - glow(part, 0, 0.12, 0.42, 0.26)
    soft *= 1 - 0.8 * glow(part, 0, chance.mouth_height, 0.26, 0.13)
    strength = traits.beard * (0.25 + 0.5 * traits.beard)
    part.paint(soft * strength, mix(palette.hair, palette.skin, 0.25) * 0.8)


def draw_cheeks(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw what attributes and flush do to the cheeks.

    A smile raises and reddens them, high cheekbones catch light above and cast shade beneath,
    make-up puts blush between.
    """
    part = window(sheet, 0.58, -0.1, 0.5).mirrored()
    rose = 0.12 * chance.flush + 0.22 * traits.smile
    part.paint(rose * glow(part, 0.3, 0.2 - 0.04 * traits.smile, 0.17, 0.13), palette.blush)
    slanted = part.moved(0.37, 0.14).sheared(0.5)
    part.paint(0.65 * traits.makeup * glow(slanted, 0.0, 0.01, 0.23, 0.14), palette.blush)
    part.tint(0.75 * traits.cheekbones * glow(slanted, 0.0, 0.1, 0.22, 0.11), SHADE)
    part.tint(0.9 * traits.cheekbones * glow(slanted, -0.02, -0.07, 0.17, 0.07), LIGHT)


def draw_lines(sheet: Sheet, chance: Nuisances, traits: Traits) -> None:
    """Draw the lines of age on the forehead, and the folds that age or a smile cut."""
    brow = window(sheet, 0.3, -0.5, -0.28)
    for y, reach in ((-0.44, 0.22), (-0.375, 0.27), (-0.32, 0.2)):
        line = stroke(brow, 0, y + chance.brow_height, reach, 0.02, 0.013)
        brow.tint(0.85 * traits.age * line, LINE)
    fold = window(sheet, 0.36, 0.12, 0.5).mirrored().swapped()
    depth = np.maximum(0.8 * traits.age, 0.65 * traits.smile)
    middle = chance.mouth_height - 0.09
    out = chance.mouth_width + 0.04 * traits.smile + 0.02
    line = stroke(fold, middle, out, 0.14, -0.035, 0.015, 0.055)
    fold.tint(depth * line, LINE)


def draw_nose(sheet: Sheet, chance: Nuisances) -> None:
    """Draw a bridge that shades one side, a lit tip, wings and nostrils."""
    part = window(sheet, 0.2, -0.2, 0.32).moved(0.3 * chance.yaw)
    tip, width = chance.nose_length, chance.nose_width
    away = choose(chance.light_side < 0, 1, -1)
    part.tint(0.5 * glow(part, 0.05 * away, 0.02, 0.045, 0.26), SHADE)
    part.tint(0.6 * glow(part, 0, tip + 0.015, 1.5 * width, 0.09), SHADE)
    part.tint(0.7 * glow(part, -0.015 * away, tip - 0.09, 0.035, 0.17), LIGHT)
    part.tint(0.8 * glow(part, -0.01 * away, tip - 0.03, 0.045, 0.04), LIGHT)
    part.tint(0.75 * stroke(part, 0, tip + 0.045, width * 0.55, -0.015, 0.012), LINE)
    sides = part.mirrored()
    sides.tint(0.85 * ellipse(sides, 0.5 * width, tip + 0.025, 0.024, 0.012), LINE * 0.75)
    wing = stroke(sides.swapped(), tip, width, 0.05, -0.02, 0.012)
    sides.tint(0.6 * wing, LINE)
