"""No censoring: what all mechanisms are compared with."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class Identity(Privatizer):
    """Hands images on as they are.

    Args:
        context: what learned mechanisms need to know; not used.
    """

    deterministic = True

    def __init__(self, **context: Any) -> None:
        super().__init__()

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Change nothing and put nothing in."""
        return Censored(images, None)
