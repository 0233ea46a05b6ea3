"""Dropout that resumes exactly and is the same on any number of processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privacy_gan import distributed


class KeyedDropout(nn.Module):
    """Dropout with numbers from a generator instead of torch's global one.

    Every process draws for the images of all of them, so that together they drop what one process
    would drop.

    Args:
        p: share of the units that are dropped in training.

    Attributes:
        rng: the generator, which must be set before each training step.
    """

    rng: torch.Generator

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, features: Tensor) -> Tensor:
        """Drop features [B, F] in training, and scale the others so that the mean stays."""
        if not self.training or not self.p:
            return features
        size = (len(features) * distributed.world_size(), *features.shape[1:])
        whole = torch.rand(size, generator=self.rng, device=self.rng.device)
        kept = distributed.local_shard(whole).to(features.device) >= self.p
        return features * kept / (1 - self.p)


def set_dropout_generator(network: nn.Module, rng: torch.Generator) -> None:
    """Set the generator of every ``KeyedDropout`` in a network."""
    for module in network.modules():
        if isinstance(module, KeyedDropout):
            module.rng = rng
