"""An image operation of some strength, which is solved for so that a distortion budget is met."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Self

import torch
from torch import Tensor

from privacy_gan import losses
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Draws, Privatizer
from privacy_gan.randomness import Purpose, keyed_generator

TOLERANCE = 1e-3  # of the budget, half as much of its root; test images differ by more
STEPS = 50  # far more than are needed


class Operation(Privatizer, ABC):
    """Changes every image in the same way; the stronger, the further.

    Its strength is chosen on training images so that their mean distortion is the budget, which
    makes it comparable with mechanisms that learned to keep the same budget.

    Args:
        epsilon: the budget.
    """

    strength: Tensor
    fixed: float | None = None  # the strength, where it is not to change any more
    first_guess = 1.0
    budget_may_be_left = False  # whether the strongest does all that there is to do

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("strength", torch.zeros((), dtype=torch.float64))

    @abstractmethod
    def strongest(self, images: Tensor) -> float:
        """Return the strength at which images like these are changed as far as they can be."""

    @abstractmethod
    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Change images [B, 3, H, W] in [0, 1] by a strength above 0."""

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Change the images; nothing is put in."""
        strength = float(self.strength) if self.fixed is None else self.fixed
        with torch.autocast(images.device.type, enabled=False):
            return Censored(self.operate(images, strength, draws), None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"epsilon": self.epsilon}

    def for_inference(self) -> Self:
        """Return the same with its strength as a number, which a traced program can hold."""
        fixed = copy.copy(self)
        fixed.fixed = float(self.strength)
        return fixed

    def adapt(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Solve for the strength, always with the same noise.

        Raises:
            UserError: no strength distorts the images so much.
        """
        limit = self.strongest(next(iter(batches())).images)
        target = math.sqrt(self.epsilon)  # its root grows about as the strength does

        def root_of_distortion(strength: float) -> float:
            return math.sqrt(self.mean_distortion(batches, strength))

        strength, root = solve(root_of_distortion, target, min(self.first_guess, limit), limit)
        if root < target * (1 - TOLERANCE / 2) and not self.budget_may_be_left:
            raise UserError(
                f"epsilon={self.epsilon:g} is more than {type(self).__name__} can distort these "
                f"images, which is {root**2:.3g}: choose a smaller one"
            )
        self.strength.fill_(strength)
        return {"strength": strength, "train/distortion": root**2}

    def expected_distortion(self, images: Tensor, strength: float, rng: torch.Generator) -> float:
        """Return the distortion of a batch; its mean over all draws, if that is as easy."""
        draws = self.draw(images, rng)
        return losses.distortion(self.operate(images, strength, draws), images).item()

    def mean_distortion(self, batches: Callable[[], Iterable[Batch]], strength: float) -> float:
        """Return the distortion of all images together at a strength."""
        total, count = 0.0, 0
        for index, batch in enumerate(batches()):
            images = batch.images
            rng = keyed_generator(images.device, 0, Purpose.ADAPT, index)
            total += self.expected_distortion(images, strength, rng) * len(images)
            count += len(images)
        return total / count


def solve(
    function: Callable[[float], float], target: float, first: float, limit: float
) -> tuple[float, float]:
    """Return where a growing function that begins with f(0) = 0 takes a value, and its value there.

    Doubles x until the value is exceeded, then draws straight lines (regula falsi, in the Illinois
    form). Where the value lies beyond the limit, returns the limit.
    """
    before, under = 0.0, -target
    x, over = first, function(first) - target
    while over < 0 and x < limit:
        before, under = x, over
        x = min(2 * x, limit)
        over = function(x) - target
    for _ in range(STEPS):
        if over == under or abs(over) <= TOLERANCE / 2 * target or (x == limit and over < 0):
            break
        middle = (before * over - x * under) / (over - under)
        difference = function(middle) - target
        if difference * over < 0:
            before, under = x, over
        else:
            under /= 2
        x, over = middle, difference
    return x, over + target
