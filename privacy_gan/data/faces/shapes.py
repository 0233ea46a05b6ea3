"""Antialiased drawing on batches of images, in coordinates that follow each face's pose.

The same face must be bit for bit the same on every machine and in every batch. Drawing therefore
uses only operations that IEEE 754 rounds exactly (+ - * / sqrt, comparisons, floor), one at a time
and in float32: math libraries differ in the last bit of sin, exp and pow, and sums over an axis
depend on their order. Rotations are rational functions, and soft edges are polynomials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from privacy_gan.data.faces.factors import Floats, Nuisances


@dataclass(frozen=True)
class Canvas:
    """A part of B images with the coordinates of its pixels in the faces' frames.

    Attributes:
        pixels: float32 [3, B, h, w], RGB in 0..1; drawing changes it in place.
        x: x coordinates in half image sides; broadcast to [B, h, w].
        y: y coordinates in half image sides, downwards; broadcast to [B, h, w].
        unit: width of a pixel, [B, 1, 1].
    """

    pixels: Floats
    x: Floats
    y: Floats
    unit: Floats

    def mirror(self) -> Canvas:
        """Return the canvas with |x| as x, so that what is drawn appears on both sides."""
        return replace(self, x=np.abs(self.x))

    def translate(self, x: Floats | float = 0.0, y: Floats | float = 0.0) -> Canvas:
        """Return the canvas with its origin moved by x and y."""
        return replace(self, x=self.x - x, y=self.y - y)

    def shear(self, rise: float) -> Canvas:
        """Return the canvas sheared so that the line y = 0 rises by `rise` per unit of x."""
        return replace(self, y=self.y + rise * self.x)

    def transpose_axes(self) -> Canvas:
        """Return the canvas with x and y exchanged, for vertical curves."""
        return replace(self, x=self.y, y=self.x)

    def paint(self, coverage: Floats, colour: Floats) -> None:
        """Paint a colour [3, B, 1, 1], or pixels [3, B, h, w], over the canvas."""
        change = colour - self.pixels
        change *= coverage
        np.add(self.pixels, change, out=self.pixels)

    def tint(self, coverage: Floats, tint: Floats | float) -> None:
        """Multiply covered pixels by a tint: below 1 darkens, above 1 brightens.

        The tint is a colour, [3, B or 1, 1, 1]; or grey, [B, 1, 1] or a number.
        """
        change = (tint - 1) * coverage
        change += 1
        np.multiply(self.pixels, change, out=self.pixels)


def coverage_inside(distance: Floats, unit: Floats) -> Floats:
    """Return the fraction of each pixel inside an edge at a signed distance, negative inside.

    Overwrites `distance`, which must have the shape of the result.
    """
    distance /= -unit
    distance += 0.5
    return np.clip(distance, 0, 1, out=distance)


def intersection(outer: Floats, inner: Floats) -> Floats:
    """Return the coverage of the strip in which two areas overlap."""
    both = outer + inner
    both -= 1
    return np.maximum(both, 0, out=both)


def ellipse(
    canvas: Canvas, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return the coverage of an ellipse about (x, y) with radii rx and ry."""
    return coverage_inside(ellipse_distance(canvas, x, y, rx, ry), canvas.unit)


def ellipse_distance(
    canvas: Canvas, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return the approximate signed distance of each pixel to an ellipse, negative inside."""
    px, py = (canvas.x - x) / rx, (canvas.y - y) / ry
    near = np.sqrt(px * px + py * py + 1e-9)
    px /= rx
    py /= ry
    slope = np.sqrt(px * px + py * py + 1e-9)
    np.divide(near, slope, out=slope)
    near -= 1
    near *= slope
    return near


def glow(
    canvas: Canvas, x: Floats | float, y: Floats | float, rx: Floats | float, ry: Floats | float
) -> Floats:
    """Return a soft spot: 1 at (x, y), falling smoothly to 0 at radii rx and ry."""
    px, py = (canvas.x - x) / rx, (canvas.y - y) / ry
    return bump(px * px + py * py)


def bump(square: Floats) -> Floats:
    """Return (1 - s)^2 for squared distances s below 1, else 0. Overwrites `square`."""
    np.minimum(square, 1, out=square)
    np.subtract(1, square, out=square)
    return np.multiply(square, square, out=square)


def area_above(canvas: Canvas, curve: Floats, slope: Floats) -> Floats:
    """Return the coverage of the area above y = curve(x) with derivative `slope`."""
    return coverage_inside((canvas.y - curve) / np.sqrt(1 + slope * slope), canvas.unit)


def area_below(canvas: Canvas, curve: Floats, slope: Floats) -> Floats:
    """Return the coverage of the area below y = curve(x) with derivative `slope`."""
    return 1 - area_above(canvas, curve, slope)


def stroke(
    canvas: Canvas,
    x: Floats | float,
    y: Floats | float,
    reach: Floats | float,
    bend: Floats | float,
    width: Floats | float,
    slope: Floats | float = 0.0,
) -> Floats:
    """Return the coverage of a line that tapers towards both ends.

    It follows y + slope t + bend t^2 for t = (x' - x) / reach in -1..1. `width` is half its
    thickness in the middle.
    """
    t = (canvas.x - x) / reach
    curve = (bend * t + slope) * t + y
    rise = (2 * bend * t + slope) / reach
    return band(canvas, curve, rise, width * taper(t))


def taper(t: Floats) -> Floats:
    """Return 1 - t^2 for t in -1..1, else 0."""
    return np.maximum(1 - t * t, 0)


def band(canvas: Canvas, curve: Floats, slope: Floats, half: Floats) -> Floats:
    """Return the coverage of a line along y = curve(x) that extends `half` to either side.

    It is the difference of two edges, so a line thinner than a pixel is faint but not broken.
    """
    distance = np.abs(canvas.y - curve)
    distance /= np.sqrt(1 + slope * slope)
    outer = coverage_inside(distance - half, canvas.unit)
    distance += half
    outer -= coverage_inside(distance, canvas.unit)
    return outer


def where(condition: npt.NDArray[np.bool_], yes: Floats | float, no: Floats | float) -> Floats:
    """Return ``np.where`` as float32."""
    return np.where(condition, yes, no).astype(np.float32, copy=False)


def wave(t: Floats) -> Floats:
    """Return a wave of period 1 in -1..1, composed of parabolas."""
    t = 2 * (t - np.floor(t)) - 1
    return np.asarray(4 * t * (1 - np.abs(t)))


RANGES = {field.name: field.metadata["range"] for field in fields(Nuisances)}
TURN = 2.0  # foreshortening per unit of yaw on the side that the head turns to


def body_canvas(pixels: Floats, nuisances: Nuisances) -> Canvas:
    """Return a canvas of whole images that follows the head's position and size."""
    line = pixel_centres(pixels.shape[-1])
    x = (line[None, None, :] - nuisances.shift_x) / nuisances.scale
    y = (line[None, :, None] - nuisances.shift_y) / nuisances.scale
    return Canvas(pixels, x, y, 2 / (pixels.shape[-1] * nuisances.scale))


def head_canvas(body: Canvas, nuisances: Nuisances) -> Canvas:
    """Return a canvas of whole images that also follows the head's roll."""
    square = nuisances.roll * nuisances.roll
    cosine, sine = (1 - square) / (1 + square), 2 * nuisances.roll / (1 + square)
    x = cosine * body.x + sine * body.y
    y = cosine * body.y - sine * body.x
    return Canvas(body.pixels, x, y, body.unit)


def turn_features(canvas: Canvas, yaw: Floats) -> Canvas:
    """Return a head's canvas that also follows its yaw, for the features of the face."""
    x = canvas.x - yaw
    return replace(canvas, x=x + TURN * yaw * np.abs(x))


def window(canvas: Canvas, x: float, top: float, bottom: float) -> Canvas:
    """Crop a head's canvas to the pixels that the box -x..x, top..bottom can reach in any pose.

    The window is the same for all faces of the batch, so it is a slice.
    """
    size = canvas.pixels.shape[-1]
    small, large = RANGES["scale"]
    roll = max(map(abs, RANGES["roll"]))
    sine = 2 * roll / (1 + roll * roll)
    small *= (1 - roll * roll) / (1 + roll * roll)
    yaw = RANGES["yaw"][1]
    x = max(x / (1 - TURN * yaw) - yaw, x / (1 + TURN * yaw) + yaw)
    across = RANGES["shift_x"][1] + large * (x + sine * max(abs(top), abs(bottom)))
    up = RANGES["shift_y"][0] + top * (large if top < 0 else small) - large * sine * x
    down = RANGES["shift_y"][1] + bottom * (small if bottom < 0 else large) + large * sine * x
    rows = slice(first_pixel(up, size), size - first_pixel(-down, size))
    columns = slice(first_pixel(-across, size), size - first_pixel(-across, size))
    return Canvas(
        canvas.pixels[:, :, rows, columns],
        np.ascontiguousarray(canvas.x[:, rows, columns]),
        np.ascontiguousarray(canvas.y[:, rows, columns]),
        canvas.unit,
    )


def first_pixel(position: float, size: int) -> int:
    """Return the index of the pixel at a position in -1..1, less a margin of one."""
    return max(math.floor((position + 1) / 2 * size) - 1, 0)


def pixel_centres(size: int) -> Floats:
    return (np.arange(1, 2 * size, 2, dtype=np.float32) - size) / size
