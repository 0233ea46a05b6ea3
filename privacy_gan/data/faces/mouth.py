"""The mouth: four curves of one parabola's family, lips between the outer and inner ones."""

from __future__ import annotations

from dataclasses import dataclass

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.palette import WHITE, Palette, constant, rgb
from privacy_gan.data.faces.pose import window
from privacy_gan.data.faces.shapes import Sheet, above, band, below, between, glow, taper
from privacy_gan.data.faces.skin import LIGHT, SHADE
from privacy_gan.data.faces.traits import Traits

DARK = constant(rgb("3a1216"))
TONGUE = constant(rgb("b8545a"))


@dataclass(frozen=True)
class Mouth:
    """A mouth's measures, each [B, 1, 1], in half image sides."""

    width: Floats  # half of it
    height: Floats  # of the corners
    sag: Floats  # how far the middle hangs below the corners
    gap: Floats  # between the lips, in the middle
    upper: Floats  # thickness of the lips
    lower: Floats

    def curve(self, part: Sheet, offset: Floats) -> tuple[Floats, Floats]:
        """Return y and derivative of the curve through the corners, `offset` below the middle."""
        t = part.x / self.width
        depth = self.sag + offset
        return self.height + depth * (1 - t * t), -2 * depth / self.width * t


def mouth_of(chance: Nuisances, traits: Traits) -> Mouth:
    """A smile widens the mouth, raises its corners and thins the lips."""
    full = 0.8 + 0.5 * chance.lip_fullness
    smile = traits.smile
    sag = chance.mouth_mood + 0.115 * smile
    return Mouth(
        width=chance.mouth_width + 0.075 * smile,
        height=chance.mouth_height - 0.4 * sag,
        sag=sag,
        gap=(0.08 + 0.035 * smile) * traits.mouth_open,
        upper=0.048 * full * (1 - 0.25 * smile),
        lower=0.062 * full * (1 - 0.1 * smile),
    )


def draw_mouth(sheet: Sheet, chance: Nuisances, traits: Traits, palette: Palette) -> None:
    part = window(sheet, 0.32, 0.22, 0.66)
    mouth = mouth_of(chance, traits)
    part.tint(0.5 * glow(part, 0, mouth.height + mouth.sag + 0.13, 0.16, 0.05), SHADE)
    draw_lips(part, mouth, palette)
    draw_gap(part, mouth)


def draw_lips(part: Sheet, mouth: Mouth, palette: Palette) -> None:
    """Draw the upper lip darker than the lower one, which has a highlight, and their line."""
    top, top_slope = mouth.curve(part, -0.4 * mouth.gap - mouth.upper)
    bow = 0.02 * glow(part, 0, mouth.height, 0.075, 1.0)
    bottom, bottom_slope = mouth.curve(part, 0.6 * mouth.gap + mouth.lower)
    line, line_slope = mouth.curve(part, -0.4 * mouth.gap)
    lips = between(below(part, top + bow, top_slope), above(part, bottom, bottom_slope))
    part.paint(lips, palette.lips)
    part.tint(lips * above(part, line, line_slope), 0.85)
    middle = mouth.height + mouth.sag + 0.6 * mouth.gap + 0.5 * mouth.lower
    shine = glow(part, 0.02, middle, 0.09, 0.022)
    part.tint(shine * lips, LIGHT * 1.08)
    seam = band(part, line, line_slope, 0.011 * taper(part.x / mouth.width))
    part.paint(0.8 * seam, palette.lips * 0.45)


def draw_gap(part: Sheet, mouth: Mouth) -> None:
    """Draw the dark between parted lips, the upper teeth in it and a hint of the tongue."""
    top, top_slope = mouth.curve(part, -0.4 * mouth.gap)
    bottom, bottom_slope = mouth.curve(part, 0.6 * mouth.gap)
    gap = between(below(part, top, top_slope), above(part, bottom, bottom_slope))
    part.paint(gap, DARK)
    tongue = glow(part, 0, mouth.height + mouth.sag + 0.65 * mouth.gap, 0.13, 0.05)
    part.paint(0.8 * gap * tongue, TONGUE)
    edge, edge_slope = mouth.curve(part, 0.12 * mouth.gap)
    part.paint(gap * above(part, edge, edge_slope), constant(WHITE))
