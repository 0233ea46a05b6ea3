"""How much of an attribute leaks by each metric, and which metric reports lead with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.metrics import METRICS, Metric
from privacy_gan.reporting.lower_bounds import bound_prefix
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation, Measure

ACCURACY = "privacy_loss"  # the paper's metric
MEASURES = [metric.name for metric in METRICS.values() if metric.can_lead]  # accuracy first


@dataclass(frozen=True)
class Leak:
    """How much leaks by one metric.

    Attributes:
        measure: its name.
        censored: its value on censored images.
        guess: its value by guessing.
        original: its value on original images; None if there are none.
        ceiling: its value for an adversary that learns all there is to learn: the value on original
            images or, if these are unknown or no better than guessing, that of perfect knowledge.
        prefix: "at least " if the adversaries on censored images were not done, else "".
        original_prefix: the same for those on original images.
    """

    measure: str
    censored: Estimate
    guess: float
    original: Estimate | None
    ceiling: float
    prefix: str = ""
    original_prefix: str = ""

    @property
    def metric(self) -> Metric:
        """The measure's record in the registry."""
        return METRICS[self.measure]

    @property
    def gain(self) -> float:
        """The normalized gain: 0 for guessing, 1 for as much as from original images."""
        return self.normalize(self.censored.value)

    @property
    def gain_low(self) -> float:
        """The normalized gain at the lower end of the 95% interval."""
        return self.normalize(self.censored.low)

    @property
    def is_found(self) -> bool:
        """Whether the whole 95% interval is above guessing."""
        return self.censored.low > self.guess

    @property
    def is_learned_from_originals(self) -> bool:
        """Whether adversaries beat guessing on original images; True if that was not measured."""
        return self.original is None or self.original.low > self.guess

    def normalize(self, value: float) -> float:
        """Return a value on the scale that all metrics share, see ``gain``."""
        return (value - self.guess) / (self.ceiling - self.guess)


def leading_leak(evaluation: Evaluation) -> Leak:
    """Return the leak by the leading metric, the one with the largest leak.

    Measures are compared by their normalized gain, (value - guess) / (original - guess), at the
    lower ends of their intervals: the largest of several values would be biased upwards, and a
    metric with a wide interval would win by chance. If no metric is above guessing, or two are
    equal, accuracy, the paper's metric, leads.
    """
    return leaks_by_measure(evaluation)[leading_measure([evaluation])]


def leading_measure(evaluations: Sequence[Evaluation]) -> str:
    """Return the name of the metric with the largest leak, on average over evaluations.

    Args:
        evaluations: at least one; only metrics that all of them have are compared.
    """
    leaks = [leaks_by_measure(evaluation) for evaluation in evaluations]
    shared = [name for name in MEASURES if all(name in each for each in leaks)]
    gains = {
        name: statistics.fmean(max(0.0, each[name].gain_low) for each in leaks) for name in shared
    }
    best = max(gains, key=gains.__getitem__)  # the first of equals
    return best if gains[best] > 0 else ACCURACY


def leaks_by_measure(evaluation: Evaluation) -> dict[str, Leak]:
    """Return the leak by each metric that is defined, accuracy first."""
    return {
        name: leak_by(evaluation, name, measure, measure.censored)
        for name in MEASURES
        if (measure := evaluation.measures.get(name)) is not None and measure.censored is not None
    }


def leak_by(evaluation: Evaluation, name: str, measure: Measure, censored: Estimate) -> Leak:
    """Return the leak by a metric."""
    metric, num_classes = METRICS[name], len(evaluation.classes)
    assert metric.chance is not None  # every metric that can lead has it
    baseline = measure.majority_baseline
    guess = metric.chance(num_classes) if baseline is None else baseline.value
    original = measure.original
    if original is not None and original.low > guess:
        ceiling = original.value
    else:
        ceiling = metric.perfect(num_classes)
    prefixes = (bound_prefix(evaluation, name, column) for column in ("censored", "original"))
    return Leak(name, censored, guess, original, ceiling, *prefixes)


def missing_measures(evaluation: Evaluation) -> list[str]:
    """Return metrics that an old result lacks and that can show a leak which accuracy hides."""
    return [name for name in ("balanced_accuracy", "auroc") if name not in evaluation.measures]
