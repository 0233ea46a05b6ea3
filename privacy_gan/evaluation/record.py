"""The judge's result, as docs/judging.md describes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from privacy_gan.evaluation.bootstrap import Estimate


@dataclass(frozen=True)
class Measure:
    """One measure on the test split, None where it is not defined.

    Attributes:
        censored: on censored images.
        original: on the same images uncensored; for what adversaries learn, by the same adversaries
            trained in the same way on uncensored images.
        prior: achieved by always predicting as is most frequent.
        floor: achieved from the other attributes alone.
    """

    censored: Estimate | None
    original: Estimate | None = None
    prior: Estimate | None = None
    floor: Estimate | None = None


@dataclass(frozen=True)
class Attempt:
    """What one attacker achieved with one number of queries.

    Attributes:
        attacker: its name.
        queries: censored versions of each image that it saw.
        ways: for each score, how its answers are read, as is best on the validation split.
        valid: its scores on the validation split, by which the strongest is chosen.
        test: the same on the test split.
    """

    attacker: str
    queries: int
    ways: dict[str, str]
    valid: dict[str, float]
    test: dict[str, Estimate | None]


@dataclass(frozen=True)
class Evaluation:
    """Everything that a judge found.

    Attributes:
        attribute: the sensitive one.
        classes: what its values are called.
        images: number of images in each split.
        measures: by name.
        strongest: for each score, the attempt that was strongest in it on the validation split.
        attempts: of all attackers.
        classifiers: the fixed classifiers' accuracies on original test images.
        warnings: what a reader should know before believing the numbers.
    """

    attribute: str
    classes: tuple[str, ...]
    images: dict[str, int]
    measures: dict[str, Measure]
    strongest: dict[str, dict[str, Any]]
    attempts: list[Attempt] = field(default_factory=list)
    classifiers: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold; a measure that is not defined is null."""
        return asdict(self)
