"""Squares of photographs, censored."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from privacy_gan.data.release_format import rounded
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import Draws, Privatizer

Pixels = npt.NDArray[np.uint8]


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

    It fails at a square of which it makes values that are not finite.

    Args:
        privatizer: the mechanism, on the device.
        squares: uint8 [S, S, 3] each.
        compute: where, and in which precision.
        seed: called for each square, of all that is random in it.
    """
    bytes_ = torch.from_numpy(np.stack(squares)).to(compute.device)
    images = bytes_.permute(0, 3, 1, 2).float() / 255  # [B, 3, S, S], channels last
    draws = drawn_apart(privatizer, images, seed)
    with torch.no_grad(), compute.autocast():
        censored = privatizer(images, draws).images
    sound = censored.isfinite().flatten(1).all(dim=1)
    pixels = rounded(censored.nan_to_num()).permute(0, 2, 3, 1).cpu().numpy()
    return [each if kept else None for each, kept in zip(pixels, sound.tolist(), strict=True)]


def drawn_apart(privatizer: Privatizer, images: Tensor, seed: Callable[[], int]) -> Draws:
    """Draw for each image from a generator of its own, so that no two have anything in common."""
    apart = [
        privatizer.draw(image, torch.Generator(images.device).manual_seed(seed()))
        for image in torch.split(images, 1)
    ]
    return {name: torch.cat([draws[name] for draws in apart]) for name in apart[0]}
