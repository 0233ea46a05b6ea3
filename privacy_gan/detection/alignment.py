"""Squares around faces: cut out of a photograph, turned upright, and put back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.data.image_files import resize_to_square

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

EDGE = 1 / 16  # width of a patch's soft edge, as a share of its side
MARGIN = 2  # pixels around a square that interpolation reads


@dataclass(frozen=True)
class Square:
    """A square in a photograph: the similarity transform z -> scale z + shift of the unit square.

    Points are complex numbers, x + iy, so that the transform turns and scales but never mirrors.

    Attributes:
        scale: complex; its absolute value is the square's side in pixels, and its argument the
            angle by which the square is turned.
        shift: complex; the square's first corner in pixels.
    """

    scale: complex
    shift: complex

    @classmethod
    def fit(cls, targets: Floats, points: Floats) -> Square:
        """Return the square in which points are nearest to target positions.

        The sum of squared distances in the photograph is least (Umeyama, IEEE Transactions on
        Pattern Analysis and Machine Intelligence 13(4), 1991, without reflections).

        Args:
            targets: [N, 2], positions in the unit square.
            points: [N, 2], positions in the photograph.
        """
        source, target = to_complex(targets), to_complex(points)
        centred = source - source.mean()
        scale = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
        return cls(complex(scale), complex(target.mean() - scale * source.mean()))

    @classmethod
    def around(cls, box: tuple[float, float, float, float], factor: float) -> Square:
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
    def side(self) -> float:
        """Its side in pixels."""
        return abs(self.scale)

    @property
    def corners(self) -> Floats:
        """Its corners [4, 2] in the photograph, in order."""
        return to_points(self.scale * np.array([0, 1, 1 + 1j, 1j]) + self.shift)

    def residual(self, targets: Floats, points: Floats) -> float:
        """Return the root mean square distance of points from their targets, in sides.

        Args:
            targets: [N, 2], positions in the unit square.
            points: [N, 2], positions in the photograph.
        """
        distances = (to_complex(points) - self.shift) / self.scale - to_complex(targets)
        return float(np.sqrt(np.mean(np.abs(distances) ** 2)))

    def cut_out(self, photo: Pixels, size: int) -> Pixels:
        """Return the square's pixels, upright, uint8 [size, size, 3].

        The square is cut out in the photograph's resolution, then resized as training images are.
        Outside of the photograph, its border is repeated.

        Args:
            photo: uint8 [H, W, 3].
            size: side of the result in pixels.
        """
        left, top, right, bottom = self._bounds()
        rows = np.arange(top, bottom).clip(0, photo.shape[0] - 1)
        columns = np.arange(left, right).clip(0, photo.shape[1] - 1)
        region = Image.fromarray(photo[np.ix_(rows, columns)])
        side = max(size, round(self.side))
        step, start = self.scale / side, self.shift - complex(left, top)
        upright = warp(region, (side, side), step, start)
        return np.asarray(resize_to_square(upright, size, None))

    def paste(self, photo: Pixels, patch: Pixels) -> None:
        """Put a patch into the square, with a soft edge. Changes ``photo`` there and nowhere else.

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
        if self.side < len(patch):  # smaller: resized first, because a warp does not average
            picture = resize_to_square(picture, max(1, round(self.side)), None)
        step = picture.width / self.scale
        start = (complex(left, top) - self.shift) * step
        warped = np.asarray(warp(picture, (right - left, bottom - top), step, start))
        x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
        inside = (x[None] + 1j * y[:, None] - self.shift) / self.scale
        nearest = np.min([inside.real, 1 - inside.real, inside.imag, 1 - inside.imag], axis=0)
        weight = (nearest / EDGE).clip(0, 1).astype(np.float32)[..., None]
        region = photo[top:bottom, left:right]
        region[...] = np.rint(weight * warped + (1 - weight) * region)

    def _bounds(self) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels that contain the square."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        left, top = np.floor(low).astype(int) - MARGIN
        right, bottom = np.ceil(high).astype(int) + MARGIN
        return int(left), int(top), int(right), int(bottom)


def warp(picture: Image.Image, size: tuple[int, int], step: complex, start: complex) -> Image.Image:
    """Return an image whose pixel at z is the picture's at step z + start."""
    matrix = (step.real, -step.imag, start.real, step.imag, step.real, start.imag)
    return picture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def to_complex(points: Floats) -> npt.NDArray[np.complex128]:
    """Return points [N, 2] as complex numbers [N]."""
    return points[:, 0] + 1j * points[:, 1]


def to_points(numbers: npt.NDArray[np.complex128]) -> Floats:
    """Return complex numbers [N] as points [N, 2]."""
    return np.stack([numbers.real, numbers.imag], axis=1)
