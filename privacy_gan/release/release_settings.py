"""How photographs are resized, censored and written."""

from __future__ import annotations

from dataclasses import dataclass

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.release.censoring import FACES, FIT_MODES

ORIGINAL, MODEL = SIZES = ("original", "model")
BLUR, KEEP, SKIP = UNSURE = ("blur", "keep", "skip")
COPY = "copy"
FACELESS = (SKIP, COPY)


@dataclass(frozen=True)
class ReleaseSettings:
    """How photographs are resized, censored and written.

    Args:
        image_size: side of the mechanism's input in pixels, S.
        fit: the part of a photograph that is censored: "whole", "center" or "faces".
        size: size of the written images: "original", as large as that part of the photograph, or as
            the photograph if faces are censored; or "model", S by S pixels, an image for each face.
        format: file format of the written images.
        batch_size: number of images that are censored together; faces are censored one by one.
        channels: of the mechanism's input, 3, or 1 for grey images.
        unsure: what happens to faces that cannot be censored: "blur" or "keep" them, or "skip"
            their photographs.
        faceless: what happens to photographs without a face: "skip" or "copy".

    Raises:
        UserError: a choice is unknown, or two exclude each other.
    """

    image_size: int
    fit: str
    size: str
    format: ReleaseFormat
    batch_size: int
    channels: int = 3
    unsure: str = BLUR
    faceless: str = SKIP

    def __post_init__(self) -> None:
        """Check the settings."""
        choices = {"fit": FIT_MODES, "size": SIZES, "unsure": UNSURE, "faceless": FACELESS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                listed = f"{', '.join(known[:-1])} or {known[-1]}"
                raise UserError(f"{name}={getattr(self, name)} is unknown: choose {listed}")
        if self.batch_size < 1:
            raise UserError(f"batch_size={self.batch_size} must be 1 or more")
        if self.fit != FACES:
            for name, default in (("unsure", BLUR), ("faceless", SKIP)):
                if getattr(self, name) != default:
                    raise UserError(
                        f"{name}={getattr(self, name)} has no effect with fit={self.fit}: set "
                        "fit=faces"
                    )
        elif self.size == MODEL and (self.unsure == KEEP or self.faceless == COPY):
            raise UserError(
                "size=model writes only faces that were censored: unsure=keep and faceless=copy "
                "need size=original"
            )

    @property
    def writes_squares(self) -> bool:
        """Whether each face becomes an image, so that their number per photograph varies."""
        return self.fit == FACES and self.size == MODEL
