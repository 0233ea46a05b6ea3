"""Projection onto the subspace of a filter, without the filter: what truncation alone hides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.models.subspace import Subspace
from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class Projection(Privatizer):
    """Reduces images to their leading principal components.

    Args:
        subspace: that of the components, fitted to the training images.
        limits: range of an image's values, to which images are clipped; None for no limits.

    Raises:
        UserError: the subspace has no components.
    """

    deterministic = True

    def __init__(self, subspace: Subspace, limits: Sequence[float] | None = (0.0, 1.0)) -> None:
        super().__init__()
        if subspace.components < 1:
            raise UserError("privatizer=projection needs a subspace: set networks=subspace, too")
        self.subspace = subspace
        self.limits = limits

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Project the images; no attribute is inserted."""
        projected = self.subspace.decode(self.subspace.encode(images), images.shape)
        if self.limits is not None:
            projected = projected.clamp(*self.limits)
        return Censored(projected, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        limits = None if self.limits is None else list(self.limits)
        return {"subspace": self.subspace, "limits": limits}

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Return what the subspace cuts off; it has been fitted to all training images."""
        del batches
        return {
            "components": self.subspace.components,
            "truncation": float(self.subspace.truncation),
        }
