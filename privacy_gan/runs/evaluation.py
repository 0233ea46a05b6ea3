"""The evaluation of one sensitive attribute, as result.json has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from privacy_gan.runs.certificate import Certificate
from privacy_gan.runs.controls import Controls
from privacy_gan.runs.correct import unpack_correct
from privacy_gan.runs.data_scaling import DataScaling
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.examples import Examples
from privacy_gan.runs.learning_curve import LearningCurve, all_done
from privacy_gan.runs.person_ids import Ids, unpack_persons
from privacy_gan.runs.slices import Slices

RETRAINED = "retrained"  # name of the retrained classifier among the networks of the judge
STACK = "stack"  # name of the combination of all adversaries, see evaluation/stack.py


@dataclass(frozen=True)
class Measure:
    """One metric on the test split; values are None where it is not defined.

    Attributes:
        censored: on censored images.
        original: on the same images uncensored; for adversaries, the value of the same adversaries
            trained in the same way on uncensored images.
        majority_baseline: by predicting the class frequencies in training, without looking at the
            image.
        correlation_baseline: by predicting from the other attributes' labels alone.
        ceiling: the best value that is possible if the sensitive attribute is hidden completely,
            see evaluation/metrics/ceiling.py; None in results of earlier versions.
    """

    censored: Estimate | None
    original: Estimate | None = None
    majority_baseline: Estimate | None = None
    correlation_baseline: Estimate | None = None
    ceiling: Estimate | None = None


@dataclass(frozen=True)
class Strongest:
    """The adversary with the best value of a score on the validation split.

    Attributes:
        adversary: its name.
        queries: number of censored versions of each image that it used.
    """

    adversary: str
    queries: int


@dataclass(frozen=True)
class AdversaryScores:
    """The scores of one adversary with one number of queries.

    Attributes:
        adversary: its name.
        queries: number of censored versions of each image that it used.
        methods: for each score, how its predictions were combined; chosen on the validation split.
        valid: its scores on the validation split, on which the strongest adversary is chosen; None
            where not defined.
        test: its scores on the test split.
    """

    adversary: str
    queries: int
    methods: dict[str, str]
    valid: dict[str, float | None]
    test: dict[str, Estimate | None]


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one sensitive attribute.

    Attributes:
        attribute: the sensitive attribute.
        classes: names of its values.
        images: number of images in each split.
        measures: all metrics by name.
        strongest: for each score, the strongest adversary on the validation split.
        adversaries: scores of all adversaries at every number of queries.
        classifiers: the fixed classifiers' accuracies on original test images.
        validation: metrics of the trade-off on the validation split, for model selection.
        least_distortion: least distortion at which any mechanism could make the attribute "hidden"
            completely, or "replaced" by a random one; see evaluation/least_distortion.py.
        correct: for the privacy loss and each utility attribute, by the measure's name, which test
            images were classified correctly, packed; see ``is_correct``.
        warnings: caveats about the numbers.
        left_out: names of adversaries, and of the retrained classifier, that diverged twice when
            trained on "censored" or "original" images and were excluded.
        settings: settings of judge and classifiers, by dotted path.
        panel: name of the judge's adversaries if they are a named panel, such as "standard-1";
            "custom" for others, "" in results of earlier versions.
        curves: learning curves by network, of those trained on "censored" and on "original"
            images; empty in results of earlier versions.
        persons: number of persons in each split; empty if the data name no persons, and in results
            of earlier versions.
        person_ids: the person in each test image, packed, see ``test_persons``; "" if not known.
        independent_images: whether the images are independent by construction, as drawn ones are.
        slices: what the strongest adversary finds within each value of each utility attribute; None
            in results of earlier versions.
        examples: the test images whose attribute the strongest adversary is surest of, and median
            ones; None in results of earlier versions.
        data_scaling: what an adversary finds with fewer training images and may find with more;
            None if it was not measured, and in results of earlier versions.
        controls: what adversaries find in permuted labels and in planted leaks; None if it was not
            measured, and in results of earlier versions.
        certificate: upper bounds on what any adversary can tell; None for mechanisms whose release
            has too many outcomes, and in results of earlier versions.
    """

    attribute: str
    classes: tuple[str, ...]
    images: dict[str, int]
    measures: dict[str, Measure]
    strongest: dict[str, Strongest]
    adversaries: tuple[AdversaryScores, ...] = ()
    classifiers: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float | None] = field(default_factory=dict)
    least_distortion: dict[str, float] = field(default_factory=dict)
    correct: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    left_out: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    panel: str = ""
    curves: dict[str, dict[str, LearningCurve]] = field(default_factory=dict)
    persons: dict[str, int] = field(default_factory=dict)
    person_ids: str = ""
    independent_images: bool = False
    slices: Slices | None = None
    examples: Examples | None = None
    data_scaling: DataScaling | None = None
    controls: Controls | None = None
    certificate: Certificate | None = None

    def adversaries_done(self, images: str = "censored", score: str = "") -> bool:
        """Return whether the adversaries had stopped gaining when their training ended.

        Otherwise, their values are lower bounds: longer training may find more. It is False for
        results of earlier versions, which have no learning curves.

        Args:
            images: "censored" or "original".
            score: also require that the strongest adversary in this score was not dropped.
        """
        winner = self.strongest.get(score)
        curves = without_retrained(self.curves.get(images, {}))
        return all_done(curves, None if winner is None else winner.adversary)

    def retrained_done(self, images: str = "censored") -> bool:
        """Return whether the retrained classifier had stopped gaining; see ``adversaries_done``."""
        curve = self.curves.get(images, {}).get(RETRAINED)
        return curve is not None and curve.ending == "done"

    def is_correct(self, measure: str) -> npt.NDArray[np.bool_] | None:
        """Return whether each test image was classified correctly, [N]; None if not recorded.

        Two evaluations of the same images can be compared image by image. The mean is the
        measure's value.

        Args:
            measure: "privacy_loss" for the strongest adversary, or "utility/NAME" for a fixed
                classifier.
        """
        text = self.correct.get(measure)
        return None if text is None else unpack_correct(text, self.images["test"])

    def test_persons(self) -> Ids | None:
        """Return a number for the person in each test image, [N]; None if persons are not known.

        Raises:
            ValueError: the result is damaged.
        """
        return unpack_persons(self.person_ids, self.images["test"]) if self.person_ids else None

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluation:
        """Return an evaluation from its entry in result.json."""
        return cls(
            **{
                **tree,
                "settings": complete(tree["settings"]),
                "classes": tuple(tree["classes"]),
                "measures": {
                    name: Measure(
                        **{column: _estimate(estimate) for column, estimate in columns.items()}
                    )
                    for name, columns in tree["measures"].items()
                },
                "strongest": {
                    score: Strongest(**entry) for score, entry in tree["strongest"].items()
                },
                "adversaries": tuple(_adversary_scores(entry) for entry in tree["adversaries"]),
                "warnings": tuple(tree["warnings"]),
                "curves": {
                    images: {name: LearningCurve.from_json(curve) for name, curve in entry.items()}
                    for images, entry in tree.get("curves", {}).items()
                },
                "slices": None if tree.get("slices") is None else Slices.from_json(tree["slices"]),
                "examples": (
                    None if tree.get("examples") is None else Examples.from_json(tree["examples"])
                ),
                "data_scaling": (
                    None
                    if tree.get("data_scaling") is None
                    else DataScaling.from_json(tree["data_scaling"])
                ),
                "controls": (
                    None if tree.get("controls") is None else Controls.from_json(tree["controls"])
                ),
                "certificate": (
                    None
                    if tree.get("certificate") is None
                    else Certificate.from_json(tree["certificate"])
                ),
            }
        )


def without_retrained(curves: Mapping[str, LearningCurve]) -> dict[str, LearningCurve]:
    """Return the learning curves of the adversaries alone, by name."""
    return {name: curve for name, curve in curves.items() if name != RETRAINED}


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a judge, with defaults for options that earlier versions did not have."""
    return {"judge.released_as": "float", **settings}


def _estimate(tree: Mapping[str, float] | None) -> Estimate | None:
    return None if tree is None else Estimate(**tree)


def _adversary_scores(tree: Mapping[str, Any]) -> AdversaryScores:
    test = {score: _estimate(estimate) for score, estimate in tree["test"].items()}
    return AdversaryScores(**{**tree, "test": test})
