"""Controls of the judge: what it finds where there is nothing, and where a leak is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.runs.estimate import Estimate

FALSE_ALARMS = 0.001  # share of controls that fail although the judge is right
RELIABLE = 0.9  # share of the planted leaks of a size that must be found


@dataclass(frozen=True)
class PermutedLabels:
    """What one adversary learns when the labels of s are permuted, so that there is nothing.

    Attributes:
        adversary: its name.
        accuracy: its accuracy on test images, with an interval over images.
        bits: its leaked bits.
        majority_baseline: accuracy of the class that is most frequent in training.
        p_value: probability of an accuracy or of bits at least as high if predictions and labels
            are independent, by permutation of the test labels; twice the smaller of the two.
    """

    adversary: str
    accuracy: Estimate
    bits: Estimate
    majority_baseline: float
    p_value: float

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> PermutedLabels:
        """Return the record from its entry in result.json."""
        estimates = {name: Estimate(**tree[name]) for name in ("accuracy", "bits")}
        return cls(**{**tree, **estimates})


@dataclass(frozen=True)
class PlantedLeaks:
    """How many of the planted leaks of one size were found.

    Attributes:
        size: accuracy that the leak allows above the majority baseline, as a share.
        found: number of them in which an interval of the strongest adversary is above guessing.
        repetitions: number of planted leaks.
    """

    size: float
    found: int
    repetitions: int


@dataclass(frozen=True)
class Controls:
    """The controls of one evaluation.

    Attributes:
        images: number of images in each split that the controls used.
        permuted: results with permuted labels, by adversary.
        planted: planted leaks in ascending order of size; empty unless ``judge.power=true``.
    """

    images: dict[str, int]
    permuted: tuple[PermutedLabels, ...]
    planted: tuple[PlantedLeaks, ...] = ()

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Controls:
        """Return the controls from their entry in result.json."""
        return cls(
            tree["images"],
            tuple(map(PermutedLabels.from_json, tree["permuted"])),
            tuple(PlantedLeaks(**leaks) for leaks in tree["planted"]),
        )

    @property
    def failed(self) -> tuple[PermutedLabels, ...]:
        """The adversaries that found something in permuted labels; none if the judge is right.

        With a correct judge, there are any in at most ``FALSE_ALARMS`` of all evaluations.
        """
        limit = FALSE_ALARMS / max(1, len(self.permuted))
        return tuple(each for each in self.permuted if each.p_value <= limit)

    @property
    def reliable_size(self) -> float | None:
        """The smallest size from which on ``RELIABLE`` of the planted leaks were found, or None."""
        smallest = None
        for leaks in reversed(self.planted):
            if leaks.found < RELIABLE * leaks.repetitions:
                break
            smallest = leaks.size
        return smallest
