"""No censoring: what all mechanisms are compared with."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class Identity(Privatizer):
    """Hands images on as they are."""

    deterministic = True

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Change nothing and put nothing in."""
        return Censored(images, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {}
