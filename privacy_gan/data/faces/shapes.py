"""Antialiased drawing on many images at once, each part of a face where its pose puts it.

The same face must come out bit for bit the same on every machine and in every batch. So drawing
uses only operations that IEEE 754 rounds exactly (+ - * / sqrt, comparisons, floor), one at a
time and in float32: mathematics libraries differ in the last bit of sin, exp and pow, and sums
over an axis depend on their order. Rotations are rational, soft edges are polynomials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import Floats, Nuisances


@dataclass(frozen=True)
class Sheet:
    """The same part of B images, and where each of its pixels lies in the face's own frame.

    `pixels` is float32 [3, B, h, w], RGB in 0..1, drawn on in place; `x` and `y` broadcast to
    [B, h, w], in half image sides, y downwards; `unit` is a pixel's width, [B, 1, 1].
    """

    pixels: Floats
    x: Floats
    y: Floats
    unit: Floats

    def mirrored(self) -> Sheet:
        """Return the sheet with its left half addressed as the right: what is drawn shows twice."""
        return replace(self, x=np.abs(self.x))

    def moved(self, x: Floats | float = 0.0, y: Floats | float = 0.0) -> Sheet:
        """Return the sheet with its origin moved by x and y."""
        return replace(self, x=self.x - x, y=self.y - y)

    def sheared(self, rise: float) -> Sheet:
        """Return the sheet with lines y = 0 rising to the right by `rise` for each unit of x."""
        return replace(self, y=self.y + rise * self.x)

    def swapped(self) -> Sheet:
        """Return the sheet with x and y exchanged, to draw upright what is drawn lying."""
        return replace(self, x=self.y, y=self.x)

    def paint(self, coverage: Floats, colour: Floats) -> None:
        """Lay a colour [3, B, 1, 1], or another picture [3, B, h, w], over the sheet."""
        change = colour - self.pixels
        change *= coverage
        np.add(self.pixels, change, out=self.pixels)

    def tint(self, coverage: Floats, tint: Floats | float) -> None:
        """Multiply by a tint where covered: below 1 shades, above 1 lights.

        It is [3, B or 1, 1, 1], or of no colour: [B, 1, 1] or a number.
        """
        change = (tint - 1) * coverage
        change += 1
        np.multiply(self.pixels, change, out=self.pixels)


def cover(distance: Floats, unit: Floats) -> Floats:
    """Return how much of each pixel lies inside an edge at a signed distance, negative inside.

    Overwrites `distance`, which must be of the result's shape.
    """
    distance /= -unit
    distance += 0.5
    return np.clip(distance, 0, 1, out=distance)


def between(outer: Floats, inner: Floats) -> Floats:
    """Return the coverage of the strip that two coverages have in common."""
    both = outer + inner
    both -= 1
    return np.maximum(both, 0, out=both)


def ellipse(
    sheet: Sheet, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return the coverage of an ellipse about (x, y) with radii rx and ry."""
    return cover(ellipse_distance(sheet, x, y, rx, ry), sheet.unit)


def ellipse_distance(
    sheet: Sheet, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return about how far each pixel is outside an ellipse, negative inside."""
    px, py = (sheet.x - x) / rx, (sheet.y - y) / ry
    near = np.sqrt(px * px + py * py + 1e-9)
    px /= rx
    py /= ry
    slope = np.sqrt(px * px + py * py + 1e-9)
    np.divide(near, slope, out=slope)
    near -= 1
    near *= slope
    return near


def glow(
    sheet: Sheet, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return a soft spot about (x, y): 1 in the middle, falling smoothly to 0 at radii rx, ry."""
    px, py = (sheet.x - x) / rx, (sheet.y - y) / ry
    return bump(px * px + py * py)


def bump(square: Floats) -> Floats:
    """Return (1 - s)^2 of the squares s of distances, 0 from distance 1 on; overwrites them."""
    np.minimum(square, 1, out=square)
    np.subtract(1, square, out=square)
    return np.multiply(square, square, out=square)


def above(sheet: Sheet, curve: Floats, slope: Floats) -> Floats:
    """Return the coverage of what lies above y = curve(x), whose derivative is `slope`."""
    return cover((sheet.y - curve) / np.sqrt(1 + slope * slope), sheet.unit)


def below(sheet: Sheet, curve: Floats, slope: Floats) -> Floats:
    """Return the coverage of what lies below y = curve(x), whose derivative is `slope`."""
    return 1 - above(sheet, curve, slope)


def stroke(
    sheet: Sheet,
    x: Floats | float,
    y: Floats | float,
    reach: Floats | float,
    bend: Floats | float,
    width: Floats | float,
    slope: Floats | float = 0.0,
) -> Floats:
    """Return the coverage of a line that tapers to both its ends.

    It follows y + slope t + bend t^2 for t in -1..1, where t is the distance from x in `reach`;
    `width` is half its thickness in the middle.
    """
    t = (sheet.x - x) / reach
    curve = (bend * t + slope) * t + y
    rise = (2 * bend * t + slope) / reach
    return band(sheet, curve, rise, width * taper(t))


def taper(t: Floats) -> Floats:
    """Return 1 - t^2 between -1 and 1, and 0 beyond."""
    return np.maximum(1 - t * t, 0)


def band(sheet: Sheet, curve: Floats, slope: Floats, half: Floats) -> Floats:
    """Return the coverage of a line along y = curve(x), `half` as wide to either side of it.

    The difference of two edges, so that a line thinner than a pixel is faint and not broken.
    """
    distance = np.abs(sheet.y - curve)
    distance /= np.sqrt(1 + slope * slope)
    outer = cover(distance - half, sheet.unit)
    distance += half
    outer -= cover(distance, sheet.unit)
    return outer


def choose(condition: npt.NDArray[np.bool_], yes: Floats | float, no: Floats | float) -> Floats:
    """Return `yes` where a condition holds and `no` elsewhere, in single precision."""
    return np.where(condition, yes, no).astype(np.float32, copy=False)


def wave(t: Floats) -> Floats:
    """Return a smooth wave of period 1 between -1 and 1, made of parabolas."""
    t = 2 * (t - np.floor(t)) - 1
    return np.asarray(4 * t * (1 - np.abs(t)))


SPANS = {field.name: field.metadata["span"] for field in fields(Nuisances)}
TURN = 2.0  # how much nearer features move together on the side that the head turns to


def body_sheet(pixels: Floats, chance: Nuisances) -> Sheet:
    """Return the whole images as a sheet that is shifted and scaled with the head, but upright."""
    line = pixel_centres(pixels.shape[-1])
    x = (line[None, None, :] - chance.shift_x) / chance.scale
    y = (line[None, :, None] - chance.shift_y) / chance.scale
    return Sheet(pixels, x, y, 2 / (pixels.shape[-1] * chance.scale))


def head_sheet(body: Sheet, chance: Nuisances) -> Sheet:
    """Return the whole images as a sheet that is turned with the head."""
    square = chance.roll * chance.roll
    cosine, sine = (1 - square) / (1 + square), 2 * chance.roll / (1 + square)
    x = cosine * body.x + sine * body.y
    y = cosine * body.y - sine * body.x
    return Sheet(body.pixels, x, y, body.unit)


def turned(sheet: Sheet, yaw: Floats) -> Sheet:
    """Return a head's sheet for what lies in its face: moved aside as the head is turned."""
    x = sheet.x - yaw
    return replace(sheet, x=x + TURN * yaw * np.abs(x))


def window(sheet: Sheet, x: float, top: float, bottom: float) -> Sheet:
    """Cut a head's sheet down to the pixels that -x..x by top..bottom can reach in any pose.

    The window is the same for all faces, so that what is drawn in it needs no gathering.
    """
    size = sheet.pixels.shape[-1]
    small, large = SPANS["scale"]
    roll = max(map(abs, SPANS["roll"]))
    sine = 2 * roll / (1 + roll * roll)
    small *= (1 - roll * roll) / (1 + roll * roll)
    yaw = SPANS["yaw"][1]
    x = max(x / (1 - TURN * yaw) - yaw, x / (1 + TURN * yaw) + yaw)
    across = SPANS["shift_x"][1] + large * (x + sine * max(abs(top), abs(bottom)))
    up = SPANS["shift_y"][0] + top * (large if top < 0 else small) - large * sine * x
    down = SPANS["shift_y"][1] + bottom * (small if bottom < 0 else large) + large * sine * x
    rows = slice(first_pixel(up, size), size - first_pixel(-down, size))
    columns = slice(first_pixel(-across, size), size - first_pixel(-across, size))
    return Sheet(
        sheet.pixels[:, :, rows, columns],
        np.ascontiguousarray(sheet.x[:, rows, columns]),
        np.ascontiguousarray(sheet.y[:, rows, columns]),
        sheet.unit,
    )


def first_pixel(place: float, size: int) -> int:
    """Return the first pixel, one to spare, of what begins at a place in -1..1."""
    return max(math.floor((place + 1) / 2 * size) - 1, 0)


def pixel_centres(size: int) -> Floats:
    return (np.arange(1, 2 * size, 2, dtype=np.float32) - size) / size
