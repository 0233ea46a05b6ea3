"""Added noise, the simplest way to hide a face."""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.operation import Operation


class Noise(Operation):
    """Adds independent Gaussian noise to every value; the strength is its standard deviation."""

    initial_strength = 0.1

    def max_strength(self, images: Tensor) -> float:
        """Return a standard deviation that leaves little more than black and white."""
        return 100.0

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw noise from N(0, I), [B, 3, H, W]."""
        noise = torch.randn(images.shape, generator=rng, device=rng.device)
        return {"noise": noise.to(images.device)}

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Add noise and clamp to [0, 1]."""
        return (images + strength * draws["noise"]).clamp(0, 1)
