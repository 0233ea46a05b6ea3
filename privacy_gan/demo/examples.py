"""Drawn faces to begin with: no person's."""

from __future__ import annotations

from functools import cache

from PIL import Image

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.release_format import PNG, ReleaseFormat

COUNT = 8
SIZE = 128
SEED = 7


@cache
def examples() -> list[bytes]:
    """Return the faces as PNG files, always the same ones."""
    source = SyntheticFacesSource(SIZE, COUNT, 1, 1, SEED)
    form = ReleaseFormat.of(PNG)
    return [form.encode(Image.fromarray(image)) for image in source.images(0, COUNT)]
