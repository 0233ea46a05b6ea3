"""Draw eyes, brows and mouth. Eyes and brows are drawn on a mirrored canvas.

A mouth consists of four parabolas, with the lips between the outer and the inner ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.head import LIGHT, LINE, SHADE
from privacy_gan.data.faces.shapes import (
    Canvas,
    area_above,
    area_below,
    band,
    ellipse,
    glow,
    intersection,
    stroke,
    taper,
    window,
)
from privacy_gan.data.faces.traits import WHITE, Palette, Traits, broadcast_colour, hex_to_rgb, mix

EYE_X, EYE_Y = 0.245, -0.06
BROW_Y = -0.245
PUPIL = broadcast_colour(hex_to_rgb("080606"))


@dataclass(frozen=True)
class Lids:
    """The curves of the upper and lower eyelid, as y and its derivative, each [B, h, w]."""

    t: Floats  # -1 at the inner corner, 1 at the outer
    upper: Floats
    upper_slope: Floats
    lower: Floats
    lower_slope: Floats


def draw_eyes(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    part = window(canvas, 0.5, -0.24, 0.16).mirror()
    lids = lid_curves(part, nuisances, traits)
    draw_eye_shadow(part, lids, traits, palette)
    draw_eye_bags(part, nuisances, traits)
    opening = intersection(
        area_below(part, lids.upper, lids.upper_slope),
        area_above(part, lids.lower, lids.lower_slope),
    )
    draw_eyeball(part, opening, nuisances, palette)
    draw_lashes(part, lids, nuisances, traits, palette)


def lid_curves(part: Canvas, nuisances: Nuisances, traits: Traits) -> Lids:
    """Return the eyelids. A smile lowers the upper lid a little and raises the lower one."""
    t = (part.x - EYE_X) / nuisances.eye_width
    slant = -nuisances.eye_slant / nuisances.eye_width
    corner = EYE_Y - nuisances.eye_slant * t
    up = nuisances.eye_height * (1 - 0.2 * traits.smile)
    down = nuisances.eye_height * (0.62 - 0.55 * traits.smile)
    arch = 1 - t * t
    bend = 2 * t / nuisances.eye_width
    return Lids(t, corner - up * arch, slant + up * bend, corner + down * arch, slant - down * bend)


def draw_eyeball(part: Canvas, opening: Floats, nuisances: Nuisances, palette: Palette) -> None:
    part.paint(opening, broadcast_colour(WHITE))
    size = nuisances.eye_height * 0.82
    height = EYE_Y - 0.014
    part.paint(opening * ellipse(part, EYE_X, height, size, size), palette.iris)
    part.paint(opening * ellipse(part, EYE_X, height, 0.48 * size, 0.48 * size), PUPIL)
    lid_shade = glow(part, EYE_X, EYE_Y - 0.11, 0.22, 0.11)
    part.tint(opening * lid_shade, SHADE)
    spark = ellipse(part, EYE_X - 0.022, height - 0.024, 0.019, 0.019)
    part.paint(opening * spark, broadcast_colour(WHITE))


def draw_eye_shadow(part: Canvas, lids: Lids, traits: Traits, palette: Palette) -> None:
    """Draw shade on the upper eyelid, and colour with make-up."""
    above_lid = glow(part, EYE_X + 0.02, EYE_Y - 0.08, 0.21, 0.125)
    part.paint(0.9 * traits.makeup * above_lid, palette.eye_shadow)
    socket = glow(part, EYE_X - 0.05, EYE_Y - 0.09, 0.2, 0.09)
    part.tint(0.45 * socket, SHADE)
    crease = band(part, lids.upper - 0.042, lids.upper_slope, 0.011 * taper(lids.t))
    part.tint(0.7 * crease, LINE)


def draw_eye_bags(part: Canvas, nuisances: Nuisances, traits: Traits) -> None:
    """Draw bags under the eyes and crow's feet next to them, which show age."""
    low = EYE_Y + 0.62 * nuisances.eye_height
    part.tint(0.55 * traits.age * glow(part, EYE_X, low + 0.05, 0.15, 0.055), SHADE)
    bag = stroke(part, EYE_X - 0.01, low + 0.085, 0.13, -0.035, 0.013)
    part.tint(0.8 * traits.age * bag, LINE)
    for slope in (-0.035, 0.0, 0.035):
        foot = stroke(part, 0.435, EYE_Y + 0.01 + 1.1 * slope, 0.04, 0.0, 0.012, slope)
        part.tint(0.9 * traits.age * foot, LINE)


def draw_lashes(
    part: Canvas, lids: Lids, nuisances: Nuisances, traits: Traits, palette: Palette
) -> None:
    """Draw lines along the eyelids. Make-up makes them darker and thicker, and adds a wing."""
    arch = np.maximum(1.15 - lids.t * lids.t, 0)
    width = 0.011 + 0.007 * nuisances.lashes * (1 - traits.male) + 0.016 * traits.makeup
    outward = width * np.minimum(arch * 2, 1) * (1 + 0.3 * lids.t)
    part.paint(band(part, lids.upper, lids.upper_slope, outward), palette.lashes)
    lower = band(part, lids.lower, lids.lower_slope, 0.008 * taper(lids.t))
    part.paint(lower * (0.45 + 0.5 * traits.makeup), mix(palette.lashes, palette.skin, 0.3))
    wing_x = EYE_X + nuisances.eye_width + 0.012
    wing = stroke(part, wing_x, EYE_Y - nuisances.eye_slant - 0.018, 0.05, 0.0, 0.02, -0.03)
    part.paint(wing * np.minimum(1.2 * traits.makeup, 1), palette.lashes)


def draw_brows(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the brows, which are thicker, lower and straighter for men."""
    part = window(canvas, 0.48, -0.38, -0.1).mirror()
    height = BROW_Y + nuisances.brow_height + 0.04 * traits.male
    bend = nuisances.brow_arch * (1 - 0.45 * traits.male)
    weight = nuisances.brow_weight * (0.024 + 0.022 * traits.male)
    brow = stroke(part, EYE_X + 0.015, height - bend, 0.18, bend, weight, nuisances.brow_slope)
    part.paint(brow * 0.92, mix(palette.lashes, palette.hair, 0.55))


DARK = broadcast_colour(hex_to_rgb("3a1216"))
TONGUE = broadcast_colour(hex_to_rgb("b8545a"))


@dataclass(frozen=True)
class Mouth:
    """The dimensions of a mouth, each [B, 1, 1], in half image sides."""

    width: Floats  # half the width
    height: Floats  # y of the corners
    sag: Floats  # how far the middle hangs below the corners
    gap: Floats  # between the lips, in the middle
    upper: Floats  # thickness of the lips
    lower: Floats

    def curve(self, part: Canvas, offset: Floats) -> tuple[Floats, Floats]:
        """Return y and derivative of the curve through the corners, `offset` below the middle."""
        t = part.x / self.width
        depth = self.sag + offset
        return self.height + depth * (1 - t * t), -2 * depth / self.width * t


def compute_mouth(nuisances: Nuisances, traits: Traits) -> Mouth:
    """Return the mouth. A smile widens it, raises its corners and thins the lips."""
    full = 0.8 + 0.5 * nuisances.lip_fullness
    smile = traits.smile
    sag = nuisances.mouth_mood + 0.115 * smile
    return Mouth(
        width=nuisances.mouth_width + 0.075 * smile,
        height=nuisances.mouth_height - 0.4 * sag,
        sag=sag,
        gap=(0.08 + 0.035 * smile) * traits.mouth_open,
        upper=0.048 * full * (1 - 0.25 * smile),
        lower=0.062 * full * (1 - 0.1 * smile),
    )


def draw_mouth(canvas: Canvas, nuisances: Nuisances, traits: Traits, palette: Palette) -> None:
    part = window(canvas, 0.32, 0.22, 0.66)
    mouth = compute_mouth(nuisances, traits)
    part.tint(0.5 * glow(part, 0, mouth.height + mouth.sag + 0.13, 0.16, 0.05), SHADE)
    draw_lips(part, mouth, palette)
    draw_gap(part, mouth)


def draw_lips(part: Canvas, mouth: Mouth, palette: Palette) -> None:
    """Draw the upper lip, the lower lip, which is lighter and has a highlight, and their line."""
    top, top_slope = mouth.curve(part, -0.4 * mouth.gap - mouth.upper)
    bow = 0.02 * glow(part, 0, mouth.height, 0.075, 1.0)
    bottom, bottom_slope = mouth.curve(part, 0.6 * mouth.gap + mouth.lower)
    line, line_slope = mouth.curve(part, -0.4 * mouth.gap)
    lips = intersection(
        area_below(part, top + bow, top_slope), area_above(part, bottom, bottom_slope)
    )
    part.paint(lips, palette.lips)
    part.tint(lips * area_above(part, line, line_slope), 0.85)
    middle = mouth.height + mouth.sag + 0.6 * mouth.gap + 0.5 * mouth.lower
    shine = glow(part, 0.02, middle, 0.09, 0.022)
    part.tint(shine * lips, LIGHT * 1.08)
    seam = band(part, line, line_slope, 0.011 * taper(part.x / mouth.width))
    part.paint(0.8 * seam, palette.lips * 0.45)


def draw_gap(part: Canvas, mouth: Mouth) -> None:
    """Draw the dark gap between parted lips, with the upper teeth and some of the tongue."""
    top, top_slope = mouth.curve(part, -0.4 * mouth.gap)
    bottom, bottom_slope = mouth.curve(part, 0.6 * mouth.gap)
    gap = intersection(area_below(part, top, top_slope), area_above(part, bottom, bottom_slope))
    part.paint(gap, DARK)
    tongue = glow(part, 0, mouth.height + mouth.sag + 0.65 * mouth.gap, 0.13, 0.05)
    part.paint(0.8 * gap * tongue, TONGUE)
    edge, edge_slope = mouth.curve(part, 0.12 * mouth.gap)
    part.paint(gap * area_above(part, edge, edge_slope), broadcast_colour(WHITE))
