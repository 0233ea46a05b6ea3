"""An image operation of some strength, which is solved for so that a distortion budget is met."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from privacy_gan import losses
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.randomness import Purpose, keyed_generator

TOLERANCE = 1e-3  # of the budget; test images differ from training images by more
STEPS = 50  # by then the interval is as small as floating point allows


class Operation(Privatizer, ABC):
    """Changes every image in the same way; the stronger, the further.

    Its strength is chosen on training images so that their mean distortion is the budget, which
    makes it comparable with mechanisms that learned to keep the same budget.

    Args:
        epsilon: the budget.
        context: what learned mechanisms need to know; not used.
    """

    strength: Tensor

    def __init__(self, epsilon: float, **context: Any) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("strength", torch.zeros((), dtype=torch.float64))

    @abstractmethod
    def strongest(self, images: Tensor) -> float:
        """Return the strength at which images like these are changed as far as they can be."""

    @abstractmethod
    def operate(self, images: Tensor, strength: float, rng: torch.Generator) -> Tensor:
        """Change images [B, 3, H, W] in [0, 1] by a strength above 0."""

    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """Change the images; nothing is put in."""
        with torch.autocast(images.device.type, enabled=False):
            return Censored(self.operate(images, float(self.strength), rng), None)

    def adapt(self, batches: Callable[[], Iterable[Tensor]]) -> dict[str, float]:
        """Solve for the strength by bisection, always with the same noise.

        Raises:
            UserError: no strength distorts the images so much.
        """
        weakest, strongest = 0.0, self.strongest(next(iter(batches())))
        most = self.mean_distortion(batches, strongest)
        if not most > self.epsilon:
            raise UserError(
                f"epsilon={self.epsilon:g} is more than {type(self).__name__} can distort these "
                f"images, which is {most:.3g}: choose a smaller one"
            )
        for _ in range(STEPS):
            middle = (weakest + strongest) / 2
            distortion = self.mean_distortion(batches, middle)
            if abs(distortion / self.epsilon - 1) < TOLERANCE:
                break
            weakest, strongest = (
                (middle, strongest) if distortion < self.epsilon else (weakest, middle)
            )
        self.strength.fill_(middle)
        return {"strength": middle, "train/distortion": distortion}

    def expected_distortion(self, images: Tensor, strength: float, rng: torch.Generator) -> float:
        """Return the distortion of a batch; its mean over all draws, if that is as easy."""
        return losses.distortion(self.operate(images, strength, rng), images).item()

    def mean_distortion(self, batches: Callable[[], Iterable[Tensor]], strength: float) -> float:
        """Return the distortion of all images together at a strength."""
        total, count = 0.0, 0
        for index, images in enumerate(batches()):
            rng = keyed_generator(images.device, 0, Purpose.ADAPT, index)
            total += self.expected_distortion(images, strength, rng) * len(images)
            count += len(images)
        return total / count
