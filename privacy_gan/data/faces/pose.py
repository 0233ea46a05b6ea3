"""Where on the image a face's own coordinates lie, and which pixels a part of it can touch."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from privacy_gan.data.faces.factors import Floats, Nuisances
from privacy_gan.data.faces.shapes import Sheet

SPANS = {field.name: field.metadata["span"] for field in dataclasses.fields(Nuisances)}
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
    return dataclasses.replace(sheet, x=x + TURN * yaw * np.abs(x))


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
