"""Several mechanisms, or finished runs, applied in order; each hides its attribute (section 6)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Draws, Privatizer


class Chain(Privatizer):
    """Applies mechanisms in order.

    Args:
        parts: the mechanisms.
        hidden: the attribute that each of them hides.
    """

    def __init__(self, parts: Sequence[Privatizer], hidden: Sequence[str]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.hidden = tuple(hidden)
        self.attributes = tuple(dict.fromkeys(self.hidden))
        self.deterministic = all(part.deterministic for _, part in self.named_parts())
        self.single_release = any(part.single_release for _, part in self.named_parts())
        self.reported = self.attributes[0]

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw what each mechanism needs; names are prefixed with the mechanism's number."""
        return {
            f"{number}.{name}": rows
            for number, (_, part) in enumerate(self.named_parts())
            for name, rows in part.draw(images, rng).items()
        }

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Apply all mechanisms; return s' of the last one that hides the reported attribute."""
        synthetic: dict[str, Tensor | None] = {}
        for number, (attribute, part) in enumerate(self.named_parts()):
            images, synthetic[attribute] = part(images, draws_for(number, draws))
        return Censored(images, synthetic[self.reported])

    def named_parts(self) -> Iterator[tuple[str, Privatizer]]:
        """Yield each mechanism with the attribute that it hides, in order."""
        for attribute, part in zip(self.hidden, self.parts, strict=True):
            yield attribute, cast(Privatizer, part)

    def for_attribute(self, attribute: str) -> Self:
        """Return a copy with the same networks that reports another attribute's s'."""
        other = copy.copy(self)
        other.reported = attribute
        return other

    def for_inference(self) -> Privatizer:
        """Return a chain of the parts' versions for inference."""
        return Chain([part.for_inference() for _, part in self.named_parts()], self.hidden)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"parts": [part for _, part in self.named_parts()], "hidden": list(self.hidden)}

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the images, and their versions after each mechanism."""
        rows = {"x": images}
        draws = self.draw(images, rng)
        for number, (attribute, part) in enumerate(self.named_parts()):
            images = part(images, draws_for(number, draws)).images
            rows[f"{number + 1} {attribute}"] = images
        return rows


class Stack(Chain):
    """Applies the mechanisms of finished runs in order.

    The stack keeps copies: its configuration contains how the runs were made, and its state_dict,
    after ``fit``, their weights.

    Args:
        parts: for each run its "folder", the "attribute" that it hides, its "image_size" and
            its "privatizer", untrained.
        image_size: size of the images to censor.
        read_weights: returns the state_dict of a run's mechanism, given its folder.
        runs: the runs that were requested; unused, because ``parts`` describes them.

    Raises:
        UserError: a run was trained on images of another size.
    """

    def __init__(
        self,
        parts: Sequence[Mapping[str, Any]],
        image_size: int,
        read_weights: Callable[[str], dict[str, Any]],
        runs: Sequence[str] = (),
    ) -> None:
        del runs
        for part in parts:
            if part["image_size"] != image_size:
                raise UserError(
                    f"{part['folder']} was trained on images of {part['image_size']} pixels, which "
                    f"cannot be stacked with image_size={image_size}: stack runs of one size"
                )
        super().__init__(
            [part["privatizer"] for part in parts], [str(part["attribute"]) for part in parts]
        )
        self.folders = [str(part["folder"]) for part in parts]
        self.read_weights = read_weights

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Load the runs' weights; images are not used.

        Raises:
            UserError: a run's checkpoint is missing or damaged.
        """
        del batches
        for folder, (_, part) in zip(self.folders, self.named_parts(), strict=True):
            if part.state_dict():
                part.load_state_dict(self.read_weights(folder))
        return {}


def draws_for(number: int, draws: Draws) -> Draws:
    """Return the draws of one mechanism of a chain, without the prefix of their names."""
    prefix = f"{number}."
    return {
        name.removeprefix(prefix): rows for name, rows in draws.items() if name.startswith(prefix)
    }
