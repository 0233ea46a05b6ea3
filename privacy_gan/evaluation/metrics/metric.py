"""What a metric is: whatever computes, prints, plots or describes one asks its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from privacy_gan.runs.result import Measure

if TYPE_CHECKING:  # records are read where torch is not loaded
    from torch import Tensor

LEAKED_BITS = "leaked_bits"  # the score that tells those apart which are equal in another one

Family = Literal["privacy", "utility", "synthesis", "association", "distortion"]
Unit = Literal["share", "bits", "dB", "correlation", "squared error", "squared distance", ""]


class Score(Protocol):
    """How well predicted probabilities tell labels, in many weighted samples of images at once."""

    def __call__(
        self, weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
    ) -> Tensor:
        """Return the score of each sample, [R].

        Args:
            weights: how often each image counts in each sample, float64 [R, N].
            probabilities: predicted, float64 [N, C].
            labels: true ones, [N].
            prior: frequencies of the classes in training, [C].
        """


@dataclass(frozen=True)
class Metric:
    """A metric, on test images.

    Attributes:
        name: in result.json; that of a ``per`` metric is followed there by "/" and its object.
        family: what it is about.
        title: what it is called where people read.
        explanation: what it is, in a sentence.
        function: takes ``Observations``, and of a ``per`` metric the name of its object; returns
            the value on censored images and what bounds it, None where the metric does not apply.
        source: where it is defined.
        unit: of its values.
        format: how a value is written, a format specification.
        higher_is_better: for who hides the attribute; None where that cannot be said.
        per: what it has a value for each of.
        shown: how soon a reader meets it: in the short table at a run's end and on the model card;
            on the card; or only where everything is listed.
        heading: of its column where runs stand side by side; "" where it has none there.
        note: what is said below a table that has this column.
        hub: its type in the metadata of the Hugging Face hub, "" where that has none.
        score: a ``Score``, how well an adversary's probabilities tell s: the metric is that of the
            adversary that is strongest in it on validation images. That of a metric per class takes
            the class's ``value``, too.
        score_name: of this score in result.json.
        chance: a score's value by guessing among C equally frequent classes; reports lead with the
            metric, of those that say this, by which most leaks.
        perfect: the largest value of a score, with C classes.
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
    heading: str = ""
    note: str = ""
    hub: str = ""
    score: Callable[..., Tensor] | None = None
    score_name: str = ""
    chance: Callable[[int], float] | None = None
    perfect: Callable[[int], float] = lambda _: 1.0

    @property
    def can_lead(self) -> bool:
        """Whether a report may lead with it."""
        return self.chance is not None

    def format_value(self, value: float) -> str:
        """Return a value as it is written."""
        return format(value, self.format)


def result_key(name: str, each: str) -> str:
    """Return the name in result.json of what there is for each of several objects."""
    return f"{name}/{each}"
