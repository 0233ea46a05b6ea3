"""Which test images the strongest adversary is surest of, and which are in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUREST, MEDIAN = "surest", "median"  # the two kinds of examples


@dataclass(frozen=True)
class Example:
    """One test image.

    Attributes:
        index: its position in the test split.
        label: its true class of the sensitive attribute.
        probability: what the adversary gives for that class.
    """

    index: int
    label: int
    probability: float


@dataclass(frozen=True)
class Examples:
    """Test images by what the adversary gives for their true class, the largest first.

    Attributes:
        adversary: the strongest adversary in accuracy.
        queries: number of censored versions of each image that it used.
        surest: the images with the highest probabilities.
        median: the images in the middle of the order.
    """

    adversary: str
    queries: int
    surest: tuple[Example, ...]
    median: tuple[Example, ...]

    @property
    def by_kind(self) -> dict[str, tuple[Example, ...]]:
        """The images by kind: SUREST and MEDIAN."""
        return {SUREST: self.surest, MEDIAN: self.median}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Examples:
        """Return the examples from their entry in result.json."""
        kinds = {
            kind: tuple(Example(**example) for example in tree[kind]) for kind in (SUREST, MEDIAN)
        }
        return cls(**{**tree, **kinds})
