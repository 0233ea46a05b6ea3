"""Photographs as a mechanism's squares: read with care, and censored.

Whoever sent a photograph may have meant harm; whoever knew what was drawn for it would know more
than the censored one tells.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import torch

from privacy_gan.data.decoding import UnreadablePhoto, decode
from privacy_gan.data.image_files import squared
from privacy_gan.data.release_format import rounded
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Privatizer

WHOLE, CENTER = FITS = ("whole", "center")
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Square:
    """What a mechanism gets of a photograph.

    Attributes:
        pixels: uint8 [S, S, 3], RGB.
        size: width and height that it had in the photograph.
    """

    pixels: Pixels
    size: tuple[int, int]


def read_square(file: Path | IO[bytes], side: int, fit: str) -> Square:
    """Read a photograph, turned as its camera was held, as a square in sRGB.

    Args:
        file: where it lies, or its content.
        side: of the square, in pixels.
        fit: "whole" squeezes all of the photograph into the square, "center" the largest square in
            its middle.

    Raises:
        UnreadablePhoto: it is damaged, too large, unreadable or no photograph.
    """
    try:
        photo = decode(file)
        crop = min(photo.size) if fit == CENTER else None
        return Square(np.asarray(squared(photo, side, crop)), (crop, crop) if crop else photo.size)
    except MemoryError as error:
        raise UnreadablePhoto("it does not fit into the memory") from error
    except OSError as error:
        raise UnreadablePhoto(f"it cannot be read ({error.strerror})") from error


def secret_seed() -> int:
    """Return a seed from the operating system, which nobody keeps.

    Who knows the seed knows s', and with it more of s than the image tells.
    """
    return secrets.randbits(63)


def censor(
    privatizer: Privatizer,
    squares: Sequence[Pixels],
    compute: Compute,
    seed: Callable[[], int] = secret_seed,
) -> list[Pixels | None]:
    """Return squares as a mechanism censors them, rounded to 8 bits; None where it fails.

    It fails at a square of which it makes values that are not finite. Each square is drawn for
    from a generator of its own, so that no two have anything in common.

    Args:
        privatizer: the mechanism, on the device.
        squares: uint8 [S, S, 3] each.
        compute: where, and in which precision.
        seed: called for each square, of all that is random in it.
    """
    bytes_ = torch.from_numpy(np.stack(squares)).to(compute.device)
    images = bytes_.permute(0, 3, 1, 2).float() / 255  # [B, 3, S, S], channels last
    apart = [
        privatizer.draw(image, torch.Generator(image.device).manual_seed(seed()))
        for image in torch.split(images, 1)
    ]
    draws = {name: torch.cat([each[name] for each in apart]) for name in apart[0]}
    with torch.no_grad(), compute.autocast():
        censored = privatizer(images, draws).images
    sound = censored.isfinite().flatten(1).all(dim=1)
    pixels = rounded(censored.nan_to_num()).permute(0, 2, 3, 1).cpu().numpy()
    return [each if kept else None for each, kept in zip(pixels, sound.tolist(), strict=True)]
