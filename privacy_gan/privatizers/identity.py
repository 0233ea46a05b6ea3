"""No censoring, as a reference for all mechanisms."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class Identity(Privatizer):
    """Returns images unchanged."""

    deterministic = True

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Return the images; no attribute is inserted."""
        return Censored(images, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {}
