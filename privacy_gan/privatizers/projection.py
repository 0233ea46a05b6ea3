"""Projection onto principal components: all that a filter in a subspace can let through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.models.fit_basis import fewest_components, fit_basis
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.privatizers.base import Censored, Draws, Privatizer

SEED = 0  # of the fit; the same components for every run


class Projection(Privatizer):
    """Reduces images to their leading principal components, as few as the budget allows.

    Args:
        epsilon: the budget.
        components: number of components, whatever they cost; None to choose it by the budget.
        limits: range of an image's values, to which images are clipped; None for no limits.

    Raises:
        UserError: the number of components is below 1.
    """

    deterministic = True

    def __init__(
        self,
        epsilon: float,
        components: int | None = None,
        limits: tuple[float, float] | None = (0.0, 1.0),
    ) -> None:
        super().__init__()
        if components is not None and components < 1:
            raise UserError(f"privatizer.components={components} must be 1 or more, or null")
        self.epsilon = epsilon
        self.components = components
        self.limits = limits
        self.subspace = Subspace(components or 1)

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Project the images; no attribute is inserted."""
        projected = self.subspace.decode(self.subspace.encode(images), images.shape)
        if self.limits is not None:
            projected = projected.clamp(*self.limits)
        return Censored(projected, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {
            "epsilon": self.epsilon,
            "components": self.subspace.components,
            "limits": None if self.limits is None else list(self.limits),
        }

    @torch.no_grad()
    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Fit the components to training images.

        Raises:
            UserError: the images have too few components, or they cut off too much.
        """

        def images() -> Iterator[Tensor]:
            return (batch.images for batch in batches())

        def fit(count: int) -> Basis:
            return fit_basis(images, count, SEED)

        if self.components is None:
            basis, count = fewest_components(fit, self.epsilon)
        else:
            basis, count = fit(self.components), self.components
        available = len(basis.deviations)
        if count is None:
            raise UserError(
                f"epsilon={self.epsilon:g} is too small for privatizer=projection: with all "
                f"{available} principal components, the mean squared error is still "
                f"{basis.truncation(available):.2g}; set a larger epsilon"
            )
        if count > available:
            raise UserError(
                f"privatizer.components={count}, but these images have only {available} principal "
                f"components: set it to {available} or less, or to null"
            )
        self.subspace.components = count
        self.subspace.load_basis(basis)
        return {"components": count, "train/distortion": basis.truncation(count)}
