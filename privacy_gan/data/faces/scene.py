"""What surrounds a face: the background, the neck, the clothes."""

from __future__ import annotations

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.palette import Palette, constant, from_hue, rgb
from privacy_gan.data.faces.pose import pixel_centres
from privacy_gan.data.faces.shapes import Sheet, between, cover, ellipse, glow, stroke
from privacy_gan.data.faces.traits import Traits

SKIN_SHADE = constant(rgb("d0a79c"))


def draw_background(pixels: Floats, chance: Nuisances) -> None:
    """Fill images with a gradient of two hues, and a large soft disc that lights or darkens."""
    line = pixel_centres(pixels.shape[-1])
    across, down = line[None, None, :], line[None, :, None]
    near = from_hue(chance.background_hue, chance.background_saturation, chance.background_value)
    far = from_hue(
        chance.background_hue + chance.background_turn,
        chance.background_saturation,
        chance.background_value * 0.75,
    )
    share = 0.5 + 0.3 * down + 0.2 * chance.background_slope * across
    pixels[:] = near + (far - near) * share
    picture = Sheet(pixels, across, down, 2 / np.full_like(chance.noise, pixels.shape[-1]))
    disc = glow(picture, chance.disc_x, chance.disc_y, chance.disc_size, chance.disc_size)
    picture.tint(disc, 1 + 0.4 * chance.disc_light)


def draw_body(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    """Draw the neck in the chin's shadow, the shoulders and a round neckline."""
    low = sheet_below(sheet, 0.2)
    width = chance.neck_width + 0.05 * traits.male
    flare = np.maximum(low.y - 0.7, 0)
    neck = cover(np.abs(low.x) - width - 1.6 * flare * flare, low.unit)
    low.paint(neck, palette.skin)
    shade = glow(low, 0, chance.chin - 0.1, 0.5, 0.36)
    low.tint(between(neck, shade) + 0.25 * neck, SKIN_SHADE)
    reach = 0.95 + 0.2 * traits.male
    shoulders = ellipse(low, 0, 1.36, reach, 0.58)
    collar = ellipse(low, 0, 0.80, width + 0.06, chance.neckline)
    shoulders *= 1 - collar
    clothes = from_hue(chance.clothes_hue, chance.clothes_saturation, chance.clothes_value)
    low.paint(shoulders, clothes)
    seam = stroke(low, 0, 0.80 + chance.neckline, width + 0.06, -chance.neckline, 0.018)
    low.tint(seam * shoulders, 0.75)


def sheet_below(sheet: Sheet, top: float) -> Sheet:
    """Return an upright sheet's rows from `top` on, which is behind the face in every pose."""
    rows = slice(int((top + 1) / 2 * sheet.pixels.shape[-1]), None)
    return Sheet(sheet.pixels[:, :, rows], sheet.x, sheet.y[:, rows], sheet.unit)
