"""Photographs with known faces: drawn ones, or face images pasted into larger pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.image_files import ImageFolder, decode_image
from privacy_gan.detection.alignment import Pixels, Region
from privacy_gan.errors import UserError
from privacy_gan.progress import progress_bar

FACES_PER_PHOTOGRAPH = (1, 3, 0, 2, 6)  # in turn
DRAWN_SIZE = 256  # pixels
SIDES = (0.1, 0.35)  # range of the sides of faces' squares, as shares of the photograph's height
MAX_TURN = 20  # degrees
JPEG_QUALITY = 92
NOISE = 8  # different values of each pixel


@dataclass(frozen=True)
class NamedFaces:
    """The faces of one photograph, each uint8 [S, S, 3], and its file name without suffix."""

    name: str
    faces: list[Pixels]


def drawn_faces(number: int, seed: int) -> list[NamedFaces]:
    """Return drawn faces for a number of photographs, with 1, 3, 0, 2 and 6 faces in turn."""
    counts = [FACES_PER_PHOTOGRAPH[place % len(FACES_PER_PHOTOGRAPH)] for place in range(number)]
    source = SyntheticFacesSource(DRAWN_SIZE, max(sum(counts), 1), 1, 1, seed)
    ends = np.cumsum(counts).tolist()
    return [
        NamedFaces(f"{place:04}", list(source.images(end - count, end)))
        for place, (count, end) in enumerate(zip(counts, ends, strict=True))
    ]


def read_faces(folder: Path, number: int) -> list[NamedFaces]:
    """Return the first face images of a folder by their names, one for each photograph.

    Raises:
        UserError: there is no such folder, or it has no images.
    """
    stored = ImageFolder(folder)
    if not folder.is_dir() or not (names := sorted(stored.names())):
        raise UserError(f"--images {folder} is not a folder with images: give one of face images")
    return [
        NamedFaces(Path(name).stem, [np.asarray(decode_image(stored, name))])
        for name in names[:number]
    ]


def draw_photographs(folder: Path, faces: Sequence[NamedFaces], width: int, seed: int) -> None:
    """Write a JPEG, four to three, for each of some faces.

    Raises:
        UserError: the folder exists.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already: choose a new folder")
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    with progress_bar("drawing", len(faces), " photographs") as advance:
        for named in faces:
            pixels, _ = draw_photograph(rng, named.faces, width, width * 3 // 4)
            Image.fromarray(pixels).save(folder / f"{named.name}.jpg", quality=JPEG_QUALITY)
            advance(1)


def draw_photograph(
    rng: np.random.Generator, faces: list[Pixels], width: int, height: int
) -> tuple[Pixels, list[Region]]:
    """Return a picture of faces in a row, turned by up to 20 degrees, and where they are.

    Args:
        rng: random number generator of background, places, sizes and angles.
        faces: each uint8 [S, S, 3].
        width: of the picture, in pixels.
        height: of the picture, in pixels.
    """
    pixels = draw_background(rng, width, height)
    squares = []
    for place, face in enumerate(faces):
        room = width / len(faces)
        side = min(height * rng.uniform(*SIDES), room)
        scale = side * np.exp(1j * np.deg2rad(rng.uniform(-MAX_TURN, MAX_TURN)))
        centre = complex((place + 0.5) * room, height * rng.uniform(0.3, 0.7))
        square = Region(complex(scale), centre - complex(scale) * (0.5 + 0.5j))
        square.paste(pixels, face)
        squares.append(square)
    return pixels, squares


def draw_background(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Return smooth random colours with a camera's noise, uint8 [height, width, 3]."""
    colours = rng.integers(60, 200, (4, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(0, NOISE, (height, width, 3), dtype=np.uint8)
    noise += np.array(picture).clip(None, 255 - NOISE)
    return noise
