"""The versions of a face: as it is, in between, and as it would be handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from privacy_gan.data.release_format import PNG, ReleaseFormat, rounded
from privacy_gan.evaluation.released import read_back
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer


@dataclass(frozen=True)
class Version:
    """One version of a face.

    Attributes:
        label: x, x', x'', or what a stack's part leaves.
        synthetic: the value of s' that was put in, or None.
        released: whether it is what would be handed out.
        file: that holds it.
        media_type: of the file.
    """

    label: str
    synthetic: int | None
    released: bool
    file: bytes
    media_type: str


@dataclass(frozen=True)
class Versions:
    """All versions of a face.

    Attributes:
        all: the original first.
        images: what their files hold, [N, 3, S, S] in [0, 1], for networks.
        drawn: the value of s' that a release would have put in, or None.
    """

    all: Sequence[Version]
    images: Tensor
    drawn: int | None

    def distortions(self) -> list[float]:
        """Return each version's mean squared error to the original."""
        differences: Tensor = (self.images - self.images[:1]).square().flatten(1).mean(dim=1)
        return [float(value) for value in differences]


def versions_of(
    privatizer: Privatizer, face: Tensor, form: ReleaseFormat, compute: Compute, seed: int
) -> Versions:
    """Return what a mechanism makes of a face.

    Args:
        privatizer: the mechanism, on the device.
        face: [1, 3, S, S] in [0, 1].
        form: of the files that are handed out; the others are PNG.
        compute: where, and in which precision.
        seed: of all that is random.
    """

    def rng() -> torch.Generator:
        return torch.Generator(face.device).manual_seed(seed)

    with torch.no_grad(), compute.autocast():
        rows = privatizer.figure_rows(face, rng())
        synthetic = privatizer.draw(face, rng()).get("synthetic")
    versions, images = [], []
    for label, image, released in with_released(rows):
        file_format = form if released else ReleaseFormat.of(PNG)
        versions.append(version(label, image, file_format, released))
        images.append(read_back(image.float(), file_format))
    return Versions(versions, torch.cat(images), None if synthetic is None else int(synthetic))


def with_released(rows: Mapping[str, Tensor]) -> list[tuple[str, Tensor, bool]]:
    """Return the rows of Figure 2, and whether they are what is handed out.

    That is the last one, or those with a synthetic value, one of which it will be.
    """
    valued = [label for label in rows if value_in(label) is not None]
    released = valued or list(rows)[-1:]
    return [(label, images, label in released) for label, images in rows.items()]


def value_in(label: str) -> int | None:
    """Return the value of s' that a row's label names, or None."""
    _, is_valued, value = label.partition("s'=")
    return int(value) if is_valued else None


def version(label: str, image: Tensor, form: ReleaseFormat, released: bool) -> Version:
    """Return a version of a face, [1, 3, S, S] in [0, 1], as a file."""
    pixels = rounded(image)[0].permute(1, 2, 0).cpu().numpy()
    return Version(
        label.partition(" s'=")[0].strip(),
        value_in(label),
        released,
        form.encode(Image.fromarray(pixels)),
        "image/png" if form.name == PNG else "image/jpeg",
    )
