"""The certificate of a mechanism with finitely many outcomes, as result.json has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privacy_gan.runs.estimate import Estimate


@dataclass(frozen=True)
class UpperBound:
    """An upper bound on a score of any adversary, in [0, 1].

    Attributes:
        value: the smaller of the two bounds below, each at a quarter of the probability of failure,
            so that those of both scores hold together with the certificate's confidence.
        exact: holds with the certificate's confidence for any number of persons.
        asymptotic: holds with it for many persons; 1 for few.
        kind: which of the two ``value`` is, "exact" or "asymptotic".
    """

    value: float
    exact: float
    asymptotic: float
    kind: str


@dataclass(frozen=True)
class Certificate:
    """What no adversary can exceed, given one release of one image.

    Attributes:
        num_outcomes: number of outcomes of a release, K.
        images: number of images that it was measured on.
        persons: number of persons in them; None if the data name none, so that images were taken as
            independent.
        independent_images: whether the images are independent by construction, as drawn ones are.
        left_out: number of further images, of persons whom the mechanism was fitted on.
        majority: share of the most frequent value of s among these images.
        bounds: upper bounds by confidence ("0.95") and score ("accuracy", "balanced_accuracy").
        bits: the most bits about s that a release can contain if the values of s are as frequent
            as among these images, by confidence.
        max_images_per_person: number of images of one person that were used, at most; None if all
            were.
        bootstrap: upper percentiles of the scores' estimates over resampled persons, by confidence
            and score; they hold for many persons.
        found: what an adversary finds who guesses the value that is most frequent with an outcome
            among other persons, by score; empty if the outcome is not what is released.
    """

    num_outcomes: int
    images: int
    persons: int | None
    independent_images: bool
    left_out: int
    majority: float
    bounds: dict[str, dict[str, UpperBound]]
    bits: dict[str, float]
    max_images_per_person: int | None = None
    bootstrap: dict[str, dict[str, float]] = field(default_factory=dict)
    found: dict[str, Estimate] = field(default_factory=dict)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Certificate:
        """Return the record from its entry in result.json."""
        bounds = {
            confidence: {score: UpperBound(**bound) for score, bound in by_score.items()}
            for confidence, by_score in tree["bounds"].items()
        }
        found = {score: Estimate(**each) for score, each in tree.get("found", {}).items()}
        return cls(**{**tree, "bounds": bounds, "found": found})
