"""What the strongest adversary finds within each value of each other attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.runs.estimate import Estimate


@dataclass(frozen=True)
class Slice:
    """What the adversary finds in the test images that have one value of one attribute.

    Attributes:
        attribute: a utility attribute; "" for all images.
        value: name of its value; "" for all images.
        images: number of test images.
        accuracy: of the adversary; None if the slice was left out.
        majority_baseline: accuracy of the most frequent class among training images of the slice.
        balanced_accuracy: mean recall of the adversary over the classes in the slice; its threshold
            is chosen on validation images of the slice.
        left_out: why the slice was left out; "" if it was not.
    """

    attribute: str
    value: str
    images: int
    accuracy: Estimate | None = None
    majority_baseline: Estimate | None = None
    balanced_accuracy: Estimate | None = None
    left_out: str = ""

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Slice:
        """Return a slice from its entry in result.json."""
        names = ("accuracy", "majority_baseline", "balanced_accuracy")
        estimates = {name: None if tree[name] is None else Estimate(**tree[name]) for name in names}
        return cls(**{**tree, **estimates})


@dataclass(frozen=True)
class Slices:
    """The slices of an evaluation.

    Attributes:
        adversary: the adversary that is the most accurate on all validation images.
        queries: number of censored versions of each image that it used.
        overall: what it finds in all test images.
        each: the slices, by attribute and value.
    """

    adversary: str
    queries: int
    overall: Slice
    each: tuple[Slice, ...]

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Names of the values of each utility attribute."""
        classes: dict[str, tuple[str, ...]] = {}
        for part in self.each:
            classes[part.attribute] = (*classes.get(part.attribute, ()), part.value)
        return classes

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Slices:
        """Return the slices from their entry in result.json."""
        return cls(
            tree["adversary"],
            tree["queries"],
            Slice.from_json(tree["overall"]),
            tuple(map(Slice.from_json, tree["each"])),
        )
