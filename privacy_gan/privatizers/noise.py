"""Added noise, the simplest way to hide what a face shows."""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_gan.privatizers.operation import Operation


class Noise(Operation):
    """Adds independent Gaussian noise to every value; its strength is the standard deviation."""

    first_guess = 0.1

    def strongest(self, images: Tensor) -> float:
        """Return a deviation that leaves hardly more than black and white."""
        return 100.0

    def operate(self, images: Tensor, strength: float, rng: torch.Generator) -> Tensor:
        """Add noise and cut off what leaves [0, 1]."""
        noise = torch.randn(images.shape, generator=rng, device=rng.device).to(images.device)
        return (images + strength * noise).clamp(0, 1)
