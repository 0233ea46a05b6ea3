"""By which measure most of an attribute leaks: what every output leads with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.metrics import METRICS, Metric
from privacy_gan.runs.result import Estimate, Evaluation, Measure

ACCURACY = "privacy_loss"  # the paper's
MEASURES = [metric.name for metric in METRICS.values() if metric.can_lead]  # accuracy first


@dataclass(frozen=True)
class Leak:
    """What one measure says leaks.

    Attributes:
        measure: its name.
        told: of censored images.
        guess: its value by guessing.
        original: of original images, None where nobody saw these.
        whole: its value for who learns all that there is to learn: that of original images; where
            these say nothing, that of perfect knowledge.
    """

    measure: str
    told: Estimate
    guess: float
    original: Estimate | None
    whole: float

    @property
    def metric(self) -> Metric:
        """What the measure is."""
        return METRICS[self.measure]

    @property
    def gain(self) -> float:
        """The normalized gain: 0 is guessing, 1 as much as from original images."""
        return self.normalized(self.told.value)

    @property
    def certain(self) -> float:
        """The normalized gain at the interval's lower end: what leaks beyond the images' luck."""
        return self.normalized(self.told.low)

    @property
    def is_found(self) -> bool:
        """Whether the whole interval lies above guessing."""
        return self.told.low > self.guess

    @property
    def is_told_of_originals(self) -> bool:
        """Whether adversaries learn the attribute of original images, as far as is known."""
        return self.original is None or self.original.low > self.guess

    def normalized(self, value: float) -> float:
        """Return a value on the scale that all measures share."""
        return (value - self.guess) / (self.whole - self.guess)


def leading_leak(evaluation: Evaluation) -> Leak:
    """Return what the measure says by which most leaks.

    Measures are compared by their normalized gain, (value - guess) / (original - guess), at the
    lower ends of their intervals: the largest of several values would report its luck, and one
    that is uncertain would win by it. Where none of them is above guessing nothing is found, and
    accuracy, the paper's measure, speaks; so it does where two are equal.
    """
    return leaks_by_measure(evaluation)[leading_measure([evaluation])]


def leading_measure(evaluations: Sequence[Evaluation]) -> str:
    """Return the name of the measure by which most leaks, on average over some evaluations.

    Args:
        evaluations: at least one; measures that all of them have are compared.
    """
    found = [leaks_by_measure(evaluation) for evaluation in evaluations]
    shared = [name for name in MEASURES if all(name in each for each in found)]
    certain = {
        name: statistics.fmean(max(0.0, each[name].certain) for each in found) for name in shared
    }
    best = max(certain, key=certain.__getitem__)  # the first of equals
    return best if certain[best] > 0 else ACCURACY


def leaks_by_measure(evaluation: Evaluation) -> dict[str, Leak]:
    """Return what each measure says that was taken and is defined, accuracy first."""
    classes = len(evaluation.classes)
    return {
        name: leak_of(name, measure, measure.censored, classes)
        for name in MEASURES
        if (measure := evaluation.measures.get(name)) is not None and measure.censored is not None
    }


def leak_of(name: str, measure: Measure, told: Estimate, classes: int) -> Leak:
    """Return what a measure says."""
    metric = METRICS[name]
    assert metric.chance is not None  # of all that may lead
    guess = (
        metric.chance(classes)
        if measure.majority_baseline is None
        else measure.majority_baseline.value
    )
    original = measure.original
    informed = original is not None and original.low > guess
    whole = original.value if original is not None and informed else metric.perfect(classes)
    return Leak(name, told, guess, original, whole)


def missing_measures(evaluation: Evaluation) -> list[str]:
    """Return measures that a result lacks and that see what accuracy may not, as in old files."""
    return [name for name in ("balanced_accuracy", "auroc") if name not in evaluation.measures]
