"""An image operation whose strength is chosen to meet a distortion budget."""

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

# relative, of the budget; half of it for the budget's root. Test images differ by more.
TOLERANCE = 1e-3
MAX_STEPS = 50  # far more than needed


class Operation(Privatizer, ABC):
    """Changes every image in the same way; distortion grows with the strength.

    ``fit`` chooses the strength so that the mean distortion of training images equals the budget,
    which makes operations comparable with mechanisms that learned to meet the same budget.

    Args:
        epsilon: the budget.
    """

    strength: Tensor
    constant_strength: float | None = None  # replaces ``strength`` for inference
    initial_strength = 1.0  # where the search for the strength begins
    may_undershoot_budget = False  # whether max_strength may distort less than the budget

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("strength", torch.zeros((), dtype=torch.float64))

    @abstractmethod
    def max_strength(self, images: Tensor) -> float:
        """Return the strength beyond which images of this size hardly change further."""

    @abstractmethod
    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Change images [B, 3, H, W] in [0, 1] with a positive strength."""

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Change the images; no attribute is inserted."""
        strength = self.constant_strength
        if strength is None:
            strength = float(self.strength)
        with torch.autocast(images.device.type, enabled=False):
            return Censored(self.operate(images, strength, draws), None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"epsilon": self.epsilon}

    def for_inference(self) -> Self:
        """Return a copy with its strength as a number, which a traced program can contain."""
        inference = copy.copy(self)
        inference.constant_strength = float(self.strength)
        return inference

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Find the strength that meets the budget, with the same noise in each trial.

        Raises:
            UserError: no strength distorts the images enough.
        """
        limit = self.max_strength(next(iter(batches())).images)
        target = math.sqrt(self.epsilon)  # the root is roughly proportional to the strength

        def root_distortion(strength: float) -> float:
            return math.sqrt(self.mean_distortion(batches, strength))

        strength, root = solve(root_distortion, target, min(self.initial_strength, limit), limit)
        if root < target * (1 - TOLERANCE / 2) and not self.may_undershoot_budget:
            raise UserError(
                f"epsilon={self.epsilon:g} is more than {type(self).__name__} can distort these "
                f"images (at most {root**2:.3g}): set a smaller epsilon"
            )
        self.strength.fill_(strength)
        return {"strength": strength, "train/distortion": root**2}

    def expected_distortion(self, images: Tensor, strength: float, rng: torch.Generator) -> float:
        """Return the distortion of a batch, in expectation over the draws where that is easy."""
        draws = self.draw(images, rng)
        return losses.distortion(self.operate(images, strength, draws), images).item()

    def mean_distortion(self, batches: Callable[[], Iterable[Batch]], strength: float) -> float:
        """Return the mean distortion of all images at a strength."""
        total, count = 0.0, 0
        for index, batch in enumerate(batches()):
            images = batch.images
            rng = keyed_generator(images.device, 0, Purpose.FIT, index)
            total += self.expected_distortion(images, strength, rng) * len(images)
            count += len(images)
        return total / count


def solve(
    function: Callable[[float], float], target: float, start: float, limit: float
) -> tuple[float, float]:
    """Solve f(x) = target for an increasing function with f(0) = 0.

    Doubles x until f(x) exceeds the target, then applies regula falsi (Illinois variant).

    Args:
        function: f.
        target: the value to reach.
        start: the first x to try.
        limit: the largest x to try.

    Returns:
        x and f(x); the limit and its value if the target is not reached there.
    """
    previous_x, previous_error = 0.0, -target
    x, error = start, function(start) - target
    while error < 0 and x < limit:
        previous_x, previous_error = x, error
        x = min(2 * x, limit)
        error = function(x) - target
    for _ in range(MAX_STEPS):
        at_limit = x == limit and error < 0
        if error == previous_error or abs(error) <= TOLERANCE / 2 * target or at_limit:
            break
        new_x = (previous_x * error - x * previous_error) / (error - previous_error)
        new_error = function(new_x) - target
        if new_error * error < 0:
            previous_x, previous_error = x, error
        else:
            previous_error /= 2
        x, error = new_x, new_error
    return x, error + target
