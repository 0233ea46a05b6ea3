"""The ``Metric`` record: how a metric is computed, formatted and described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from privacy_gan.runs.evaluation import Measure

if TYPE_CHECKING:  # so that reading the records does not import torch
    from torch import Tensor

LEAKED_BITS = "leaked_bits"  # the score that breaks ties in other scores

Family = Literal["privacy", "utility", "synthesis", "association", "distortion"]
Unit = Literal["share", "bits", "dB", "correlation", "squared error", "squared distance", ""]


class Score(Protocol):
    """A score of predicted probabilities, computed on many bootstrap samples at once."""

    def __call__(
        self, weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
    ) -> Tensor:
        """Return the score of each sample, [R].

        Args:
            weights: number of times each image occurs in each sample, float64 [R, N].
            probabilities: predicted class probabilities, float64 [N, C].
            labels: true classes, [N].
            frequencies: class frequencies in the training split, [C].
        """


@dataclass(frozen=True)
class Metric:
    """A metric on the test images.

    Attributes:
        name: its name in result.json. A ``per`` metric's name is followed there by "/" and the
            class or attribute.
        family: what it measures.
        title: its name in tables and text.
        explanation: what it measures, in a phrase.
        function: takes ``Observations``, and for a ``per`` metric the class or attribute; returns
            the value on censored images and its baselines, or None where the metric does not apply.
        source: where it is defined.
        unit: unit of its values.
        format: format specification of its values.
        higher_is_better: whether higher values are better for the user of a mechanism; None for
            neither.
        per: what the metric is computed for each of; "" for one value.
        prominence: "first" metrics are in the short table at a run's end and on the model card,
            "card" metrics on the card, "details" only where all metrics are listed.
        short_title: its name in the short table at a run's end; "" if it is the title.
        heading: its column heading in tables of several runs; "" if it has no column there.
        note: explanation below a table that has this column.
        hub: its metric type in Hugging Face model cards; "" if there is none.
        score: a ``Score`` of an adversary's probabilities of s. The metric is then the score of the
            adversary that is strongest in it on validation images. The score of a metric per class
            also takes ``value``, the class.
        score_name: the score's name in result.json.
        trained: networks of the judge on whose training the value depends: it is a lower bound
            where they were not done, see ``reporting.lower_bounds``; "" if it depends on none.
        relative_to_original: whether the value is a ratio, relative to what the same networks find
            on original images.
        strongest_in: the score whose strongest adversary the value describes, where the metric is
            not itself a score; "" if there is none.
        chance: the score when guessing among C equally frequent classes. Metrics that have it can
            lead a report; the one with the largest leak does.
        perfect: the highest possible score with C classes.
    """

    name: str
    family: Family
    title: str
    explanation: str
    function: Callable[..., Measure | None]
    source: str = ""
    unit: Unit = "share"
    format: str = ".1%"
    higher_is_better: bool | None = None
    per: Literal["", "utility attribute", "class"] = ""
    prominence: Literal["first", "card", "details"] = "details"
    short_title: str = ""
    heading: str = ""
    note: str = ""
    hub: str = ""
    score: Callable[..., Tensor] | None = None
    score_name: str = ""
    trained: Literal["", "adversaries", "retrained", "data scaling"] = ""
    relative_to_original: bool = False
    strongest_in: str = ""
    chance: Callable[[int], float] | None = None
    perfect: Callable[[int], float] = lambda _: 1.0

    @property
    def can_lead(self) -> bool:
        """Whether a report may lead with this metric."""
        return self.chance is not None

    def format_value(self, value: float) -> str:
        """Format a value of this metric."""
        return format(value, self.format)


def result_key(name: str, item: str) -> str:
    """Return the key in result.json of a metric or score for one class or attribute."""
    return f"{name}/{item}"
