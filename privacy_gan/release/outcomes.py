"""What became of a photograph: censored, with the faces that were found, or skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from privacy_gan.release.photos import Photo, Skipped

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FoundFace:
    """A face in a photograph.

    Attributes:
        corners: x and y of the corners of the region that was changed, in pixels.
        width: of this region, in pixels.
        problem: why it could not be censored; None if it was.
    """

    corners: Corners
    width: float
    problem: str | None = None

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> FoundFace:
        """Return the face that was written with ``asdict``.

        Raises:
            ValueError, TypeError: the fields are damaged.
        """
        corners = tuple((float(x), float(y)) for x, y in fields.pop("corners"))
        return cls(corners, **fields)

    @property
    def place(self) -> str:
        """Where it is, in words."""
        x, y = (round(sum(values) / len(values)) for values in zip(*self.corners, strict=True))
        return f"the face around {x}, {y}, {self.width:,.0f} pixels wide,"


@dataclass(frozen=True)
class Released:
    """A photograph whose censored version was written.

    Attributes:
        photo: the photograph.
        faces: the faces in it; None if faces were not searched for.
    """

    photo: Photo
    faces: tuple[FoundFace, ...] | None = None


Outcome = Released | Skipped


class PhotoCensor(Protocol):
    """Censors photographs and writes their censored versions."""

    def censor(self, photos: Sequence[Photo], source: Path, output: Path) -> Iterator[Outcome]:
        """Yield what became of each photograph, in their order.

        Args:
            photos: the photographs.
            source: their folder.
            output: folder of the censored versions.

        Raises:
            UserError: a link leads out of the output folder.
            OSError: an image cannot be written.
        """
