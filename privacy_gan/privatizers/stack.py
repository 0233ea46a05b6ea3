"""Finished mechanisms, one after the other: each hides its attribute (the paper's section 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.finished import load_finished_run
from privacy_gan.privatizers.base import Censored, Privatizer


class Stack(Privatizer):
    """Applies the mechanisms of finished runs in their order.

    Args:
        runs: their folders.
        image_size: of the images that come.
        context: what learned mechanisms need to know; not used.

    Raises:
        UserError: there are no runs, one is not finished or hides a categorical attribute, or they
            are made for images of another size.
    """

    def __init__(self, runs: Sequence[str], image_size: int, **context: Any) -> None:
        super().__init__()
        finished = [load_finished_run(Path(run)) for run in runs]
        for run in finished:
            if run.config.image_size != image_size:
                raise UserError(
                    f"{run.folder} was trained on images of {run.config.image_size} pixels, which "
                    f"cannot be stacked with image_size={image_size}: stack runs of one size"
                )
            if run.config.num_classes != 2:
                raise UserError(
                    f"{run.folder} hides {run.config.attribute}, which is no binary attribute: "
                    "stack runs on binary ones"
                )
        self.parts = nn.ModuleList(run.privatizer for run in finished)
        self.hidden = tuple(str(run.config.attribute) for run in finished)
        self.attributes = tuple(dict.fromkeys(self.hidden))
        self.deterministic = all(run.privatizer.deterministic for run in finished)
        self.reported = self.attributes[0]

    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """Apply all; what the last one to hide the reported attribute puts in is reported."""
        synthetic: dict[str, Tensor | None] = {}
        for attribute, part in self.steps():
            images, synthetic[attribute] = part.privatize(images, rng)
        return Censored(images, synthetic[self.reported])

    def steps(self) -> Iterator[tuple[str, Privatizer]]:
        """Yield each mechanism and what it hides, in their order."""
        for attribute, part in zip(self.hidden, self.parts, strict=True):
            yield attribute, cast(Privatizer, part)

    def reporting(self, attribute: str) -> Stack:
        """Return the same networks, reporting another attribute's synthetic value."""
        other = copy.copy(self)
        other.reported = attribute
        return other

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the images and what each mechanism leaves of them."""
        rows = {"x": images}
        for number, (attribute, part) in enumerate(self.steps(), 1):
            images = part.privatize(images, rng).images
            rows[f"{number} {attribute}"] = images
        return rows
