"""Regions around faces: cut out of a photograph as upright squares, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.image_files import resize_to_square

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Points = TypeVar("Points", complex, npt.NDArray[np.complex128])

EDGE = 1 / 16  # width of a patch's soft edge, as a share of its side
STRIP = 256  # rows that are changed at a time, since each pixel takes a hundred bytes
MARGIN = 2  # pixels around a region that interpolation reads


@dataclass(frozen=True)
class Region:
    """A rectangle in a photograph: the similarity transform z -> scale z + shift of an upright one.

    Points are complex numbers, x + iy, so that the transform turns and scales but never mirrors.
    The upright rectangle has its first corner at 0 and a width of 1. Places in it are shares of its
    sides, so that they are in the unit square.

    Attributes:
        scale: complex; its absolute value is the region's width in pixels, and its argument the
            angle by which the region is turned.
        shift: complex; the region's first corner in pixels.
        height: the region's height over its width. Training images may be squares that were
            squeezed from rectangles.
    """

    scale: complex
    shift: complex
    height: float = 1.0

    @classmethod
    def fit(cls, targets: Floats, points: Floats, height: float = 1.0) -> Region:
        """Return the region in which points are nearest to target places.

        The sum of squared distances in the photograph is least (Umeyama, IEEE Transactions on
        Pattern Analysis and Machine Intelligence 13(4), 1991, without reflections).

        Args:
            targets: [N, 2], places in the unit square.
            points: [N, 2], positions in the photograph.
            height: of the region over its width.
        """
        source, target = to_complex(targets * (1, height)), to_complex(points)
        centred = source - source.mean()
        scale = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
        return cls(complex(scale), complex(target.mean() - scale * source.mean()), height)

    @classmethod
    def around(cls, box: tuple[float, float, float, float], factor: float) -> Region:
        """Return the upright square around a box's centre.

        Args:
            box: left, top, right and bottom.
            factor: the square's side over the box's longer side.
        """
        left, top, right, bottom = box
        side = factor * max(right - left, bottom - top)
        centre = complex(left + right, top + bottom) / 2
        return cls(complex(side), centre - complex(side, side) / 2)

    @property
    def width(self) -> float:
        """Its width in pixels."""
        return abs(self.scale)

    @property
    def corners(self) -> Floats:
        """Its corners [4, 2] in the photograph, in order."""
        upright = np.array([0, 1, 1 + self.height * 1j, self.height * 1j])
        return to_points(self.scale * upright + self.shift)

    def to_upright(self, points: Points) -> Points:
        """Return where points of the photograph are in the upright rectangle."""
        return (points - self.shift) / self.scale

    def residual(self, targets: Floats, points: Floats) -> float:
        """Return the root mean square distance of points from their targets, in widths.

        Args:
            targets: [N, 2], places in the unit square.
            points: [N, 2], positions in the photograph.
        """
        upright = self.to_upright(to_complex(points))
        distances = upright - to_complex(targets * (1, self.height))
        return float(np.sqrt(np.mean(np.abs(distances) ** 2)))

    def cut_out(self, photo: Pixels, size: int) -> Pixels:
        """Return the region's pixels as an upright square, uint8 [size, size, 3].

        The region is cut out in the photograph's resolution, then resized as training images are.
        Outside of the photograph, its border is repeated.

        Args:
            photo: uint8 [H, W, 3].
            size: side of the result in pixels.
        """
        left, top, right, bottom = self._bounds()
        rows = np.arange(top, bottom).clip(0, photo.shape[0] - 1)
        columns = np.arange(left, right).clip(0, photo.shape[1] - 1)
        picture = Image.fromarray(photo[np.ix_(rows, columns)])
        width = max(size, round(self.width))
        height = max(size, round(self.width * self.height))
        right_step = self.scale / width
        down_step = 1j * self.scale * self.height / height
        start = self.shift - complex(left, top)
        upright = warp(picture, (width, height), right_step, down_step, start)
        return np.asarray(resize_to_square(upright, size, None))

    def paste(self, photo: Pixels, patch: Pixels) -> None:
        """Put a patch into the region, with a soft edge. Changes ``photo`` there and nowhere else.

        Args:
            photo: uint8 [H, W, 3].
            patch: uint8 [S, S, 3], upright.
        """
        left, top, right, bottom = self._bounds()
        height, width = photo.shape[:2]
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if left >= right or top >= bottom:
            return
        picture = Image.fromarray(patch)
        if self.width < len(patch):  # smaller: resized first, because a warp does not average
            picture = resize_to_square(picture, max(1, round(self.width)), None)
        for start in range(top, bottom, STRIP):
            stop = min(start + STRIP, bottom)
            warped = np.asarray(self._place(picture, left, start, (right - left, stop - start)))
            weight = self._weights(left, right, start, stop)
            strip = photo[start:stop, left:right]
            strip[...] = np.rint(weight * warped + (1 - weight) * strip)

    def _weights(self, left: int, right: int, top: int, bottom: int) -> npt.NDArray[np.float32]:
        """Return the weights of a patch in some pixels, [H, W, 1]: 0 outside of the region."""
        x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
        upright = self.to_upright(x[None] + 1j * y[:, None])
        across, down = upright.real, upright.imag / self.height
        nearest = np.min([across, 1 - across, down, 1 - down], axis=0)
        weights = (nearest / EDGE).clip(0, 1)[..., None]
        return np.asarray(weights, dtype=np.float32)

    def _place(
        self, picture: Image.Image, left: int, top: int, size: tuple[int, int]
    ) -> Image.Image:
        """Return a part of the photograph's plane with a picture in the region."""
        step = picture.width / self.scale  # of the upright rectangle, in pixels of the picture
        start = (complex(left, top) - self.shift) * step
        squeezed = picture.height / (picture.width * self.height)
        return warp(
            picture,
            size,
            complex(step.real, step.imag * squeezed),
            complex(-step.imag, step.real * squeezed),
            complex(start.real, start.imag * squeezed),
        )

    def _bounds(self) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels that contain the region."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        left, top = np.floor(low).astype(int) - MARGIN
        right, bottom = np.ceil(high).astype(int) + MARGIN
        return int(left), int(top), int(right), int(bottom)


def warp(
    picture: Image.Image, size: tuple[int, int], right: complex, down: complex, start: complex
) -> Image.Image:
    """Return an image whose pixel at x, y is the picture's at x right + y down + start."""
    matrix = (right.real, down.real, start.real, right.imag, down.imag, start.imag)
    return picture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def to_complex(points: Floats) -> npt.NDArray[np.complex128]:
    """Return points [N, 2] as complex numbers [N]."""
    return points[:, 0] + 1j * points[:, 1]


def to_points(numbers: npt.NDArray[np.complex128]) -> Floats:
    """Return complex numbers [N] as points [N, 2]."""
    return np.stack([numbers.real, numbers.imag], axis=1)
