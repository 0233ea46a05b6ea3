"""Added noise, the simplest way to hide what a face shows."""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Noise(Operation):
    """Adds independent Gaussian noise to every value; its strength is the standard deviation."""

    first_guess = 0.1

    def strongest(self, images: Tensor) -> float:
        """Return a deviation that leaves hardly more than black and white."""
        return 100.0

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw from N(0, I), [B, 3, H, W]."""
        noise = torch.randn(images.shape, generator=rng, device=rng.device)
        return {"noise": noise.to(images.device)}

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Add noise and cut off what leaves [0, 1]."""
        return (images + strength * draws["noise"]).clamp(0, 1)
