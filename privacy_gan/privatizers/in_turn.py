"""The paper's mechanism as a whole: a filter, then a generator, or one of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from privacy_gan.privatizers.base import Censored, Draws, Privatizer
from privacy_gan.privatizers.filtering import ReleasedFilter
from privacy_gan.privatizers.replacing import ReleasedGenerator


class InTurn(Privatizer):
    """g(f(x, z1), s', z2); or f alone, or g alone."""

    @property
    @abstractmethod
    def games(self) -> Sequence[Privatizer]:
        """Those that there are, in the order in which an image passes their networks."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1, s' and z2, as far as there are such games."""
        draws: Draws = {}
        for game in self.games:
            draws |= game.draw(images, rng)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """See Privatizer.forward."""
        censored = Censored(images, None)
        for game in self.games:
            censored = game(censored.images, draws)
        return censored

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2: x, then x' and x'' as far as there are such games."""
        rows = {"x": images}
        incoming = images
        for game in self.games:
            rows |= game.figure_rows(incoming, rng) | {"x": images}
            incoming = rows.get("x'", images)
        return rows


class ReleasedPair(InTurn):
    """Filter and generator after their training.

    Args:
        filter: takes the attribute out.
        generator: puts a random one in.
    """

    def __init__(self, filter: ReleasedFilter, generator: ReleasedGenerator) -> None:
        super().__init__()
        self.filter = filter
        self.generator = generator

    @property
    def games(self) -> list[Privatizer]:
        """Both."""
        return [self.filter, self.generator]

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"filter": self.filter, "generator": self.generator}
