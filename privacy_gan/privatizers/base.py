"""What everything after training knows of a mechanism."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Censored(NamedTuple):
    """What a mechanism makes of a batch.

    Attributes:
        images: [B, 3, H, W] in [0, 1].
        synthetic: the synthetic attribute s' [B] that was put in, or None where nothing was.
    """

    images: Tensor
    synthetic: Tensor | None


class Privatizer(nn.Module, ABC):
    """A mechanism: images in, censored images and the synthetic attribute out.

    Attributes:
        attributes: those that it hides, where it is not the configured one.
        deterministic: whether it makes the same of an image each time, so that one query tells all.
    """

    attributes: tuple[str, ...] = ()
    deterministic: bool = False

    @abstractmethod
    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """Censor images [B, 3, H, W] in [0, 1]; all noise comes from ``rng``."""

    def reporting(self, attribute: str) -> Privatizer:
        """Return the mechanism as one whose ``synthetic`` is an attribute that it hides."""
        del attribute
        return self

    @property
    def baseline(self) -> Privatizer | None:
        """A part of the mechanism that is one by itself, with which it is to be compared."""
        return None

    def adapt(self, batches: Callable[[], Iterable[Tensor]]) -> dict[str, float]:
        """Adapt to training images, where the mechanism is no LightningModule, which is trained.

        Args:
            batches: makes a pass over training images, [B, 3, H, W] in [0, 1] each, always the
                same ones.

        Returns:
            What is worth recording in result.json.
        """
        del batches
        return {}

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2 by their labels: the images, then what is made of them."""
        return {"x": images, "x'": self.privatize(images, rng).images}
