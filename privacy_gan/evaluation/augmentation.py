"""Augmentation of training images: random flips and shifts."""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_gan.evaluation.source import CensoredBatch

MAX_SHIFT = 1 / 16  # of an image's side


def random_flip_and_shift(batch: CensoredBatch, rng: torch.Generator) -> CensoredBatch:
    """Flip half of the images horizontally and shift each by whole pixels.

    Each censored image and its original get the same transform. Edge pixels are repeated where an
    image leaves the frame.

    Args:
        batch: images [B, C, H, W].
        rng: random number generator on the images' device.
    """
    count, _, height, width = batch.images.shape
    device = batch.images.device
    flipped = torch.randint(2, (count,), generator=rng, device=device).bool()
    shifts = [
        torch.randint(-limit, limit + 1, (count,), generator=rng, device=device)
        for limit in (int(MAX_SHIFT * height), int(MAX_SHIFT * width))
    ]

    def transform(images: Tensor) -> Tensor:
        return shift(torch.where(flipped[:, None, None, None], images.flip(3), images), *shifts)

    return batch._replace(images=transform(batch.images), original=transform(batch.original))


def shift(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift images [B, C, H, W] by whole pixels, [B] each, repeating edge pixels."""
    _, _, height, width = images.shape
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp(0, width - 1)
    indices = torch.arange(len(images), device=images.device)[:, None, None]
    # indexing the permuted images leaves them in channels_last, the networks' memory format
    return images.permute(0, 2, 3, 1)[indices, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )
