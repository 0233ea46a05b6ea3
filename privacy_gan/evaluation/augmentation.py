"""Random flips and shifts of training images, against overfitting."""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_gan.evaluation.source import CensoredBatch

LARGEST_SHIFT = 1 / 16  # of an image's side


def flipped_and_shifted(batch: CensoredBatch, rng: torch.Generator) -> CensoredBatch:
    """Mirror half of a batch's images and shift each by whole pixels.

    The censored image and its original are moved alike; where an image leaves the frame, its edge
    is repeated.

    Args:
        batch: images [B, C, H, W].
        rng: of all that is random, on the images' device.
    """
    count, _, height, width = batch.images.shape
    device = batch.images.device
    mirrored = torch.randint(2, (count,), generator=rng, device=device).bool()
    shifts = [
        torch.randint(-most, most + 1, (count,), generator=rng, device=device)
        for most in (int(LARGEST_SHIFT * height), int(LARGEST_SHIFT * width))
    ]

    def moved(images: Tensor) -> Tensor:
        return shifted(torch.where(mirrored[:, None, None, None], images.flip(3), images), *shifts)

    return batch._replace(images=moved(batch.images), original=moved(batch.original))


def shifted(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift images [B, C, H, W] by whole pixels, [B] each, repeating their edges."""
    _, _, height, width = images.shape
    rows = (torch.arange(height, device=images.device) - down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right[:, None]).clamp(0, width - 1)
    places = torch.arange(len(images), device=images.device)[:, None, None]
    # indexing moves channels last, which is how the networks want them
    return images.permute(0, 2, 3, 1)[places, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )
