"""Preparation of photographs for a mechanism, and their censoring with secret randomness.

Photographs come from untrusted sources. The random numbers of each must stay secret: they would
reveal more about the attribute than the censored image does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import torch

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.image_files import resize_to_square, to_channels
from privacy_gan.data.release_format import to_uint8
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer

WHOLE, CENTER, FACES = FIT_MODES = ("whole", "center", "faces")
NOT_FINITE = "the mechanism returned values that are not finite"
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PreparedPhoto:
    """A photograph as input of a mechanism.

    Attributes:
        pixels: uint8 [S, S, C], RGB or grey.
        size: width and height of the same region in the photograph.
    """

    pixels: Pixels
    size: tuple[int, int]


def prepare_photo(
    file: Path | IO[bytes], image_size: int, fit: str, channels: int = 3
) -> PreparedPhoto:
    """Decode a photograph, turn it upright, convert it to sRGB and resize it to a square.

    Args:
        file: the photograph's path or content.
        image_size: side of the square in pixels, S.
        fit: "whole" resizes the whole photograph to the square, "center" the largest square in its
            middle.
        channels: C, 3 for RGB or 1 for grey images.

    Raises:
        UndecodableImageError: the file is damaged, too large, unreadable or not a photograph.
    """
    with refusing_unreadable():
        photo = decode(file)
        crop = min(photo.size) if fit == CENTER else None
        pixels = to_channels(resize_to_square(photo, image_size, crop), channels)
        return PreparedPhoto(pixels, (crop, crop) if crop else photo.size)


@contextmanager
def refusing_unreadable() -> Iterator[None]:
    """Raise UndecodableImageError within the block for a lack of memory and for read errors."""
    try:
        yield
    except MemoryError as error:
        raise UndecodableImageError("it does not fit into memory") from error
    except OSError as error:
        raise UndecodableImageError(f"it cannot be read ({error.strerror})") from error


def secret_seed() -> int:
    """Return a seed from the operating system. Do not store it.

    Anyone who knows the seed knows s', and therefore more about s than the image tells.
    """
    return secrets.randbits(63)


def censor_images(
    privatizer: Privatizer,
    images: Sequence[Pixels],
    compute: Compute,
    seed: Callable[[Pixels], int] = lambda _: secret_seed(),
) -> list[Pixels | None]:
    """Censor images and round them to 8 bits.

    Each image has its own random generator, so that no two images share random numbers.

    Args:
        privatizer: the mechanism, on the device.
        images: each uint8 [S, S, C].
        compute: device and precision.
        seed: returns the seed of an image's generator; a new secret one by default.

    Returns:
        The censored images; None where the mechanism returned values that are not finite.
    """
    as_bytes = torch.from_numpy(np.stack(images)).to(compute.device)
    batch = as_bytes.permute(0, 3, 1, 2).float() / 255  # [B, C, S, S], channels last
    draws_per_image = [
        # on the CPU, so that a seed means the same numbers on every device
        privatizer.draw(image, torch.Generator().manual_seed(seed(pixels)))
        for image, pixels in zip(torch.split(batch, 1), images, strict=True)
    ]
    draws = {
        name: torch.cat([each[name] for each in draws_per_image]) for name in draws_per_image[0]
    }
    with torch.no_grad(), compute.autocast():
        censored = privatizer(batch, draws).images
    is_finite = censored.isfinite().flatten(1).all(dim=1).tolist()
    pixels = to_uint8(censored.nan_to_num()).permute(0, 2, 3, 1).cpu().numpy()
    return [each if finite else None for each, finite in zip(pixels, is_finite, strict=True)]
