"""A record for each number in the results of finished runs.

Records are plain tuples: the end of a training, Weights & Biases and verdicts need no pandas.
``results.py`` makes one table of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from privacy_gan.evaluation.metrics import METRICS, find_metric
from privacy_gan.reporting.budget import budget_of
from privacy_gan.reporting.finished_runs import FinishedRun
from privacy_gan.reporting.lower_bounds import adversary_prefix, bound_prefix
from privacy_gan.reporting.verdict import summary_sentence
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation, Measure
from privacy_gan.runs.folder import RunFolder

AUDITED = "audit.images"  # the fingerprint's key for the folder of an audit
NO_BUDGET = math.nan  # of images that were censored elsewhere
# settings of the judge that add to a result, or its seed; what adversaries find is comparable
WITHOUT_EFFECT = ("judge.seed", "judge.controls", "judge.power", "judge.data_scaling")
STRONGEST = "strongest"  # in place of a name: the strongest adversary on validation images


class Record(NamedTuple):
    """One number of an evaluation, with its interval and references; None where undefined.

    Attributes:
        run: the run's folder.
        data: name of the images.
        attribute: the hidden attribute.
        mechanism: name of the mechanism.
        is_baseline: whether this is the filter alone, within a mechanism that has a generator too.
        epsilon: the distortion budget; nan for images that were censored elsewhere.
        seed: of the training.
        adversary: whose score it is, "strongest" for reported metrics; "" for metrics that are not
            an adversary's score.
        queries: censored versions of each image that a single adversary saw; 0 for all else.
        metric: its name in the registry.
        value: on censored test images.
        low: lower end of its 95% bootstrap interval over test images.
        high: upper end of that interval.
        original: the value on original images.
        majority_baseline: the value without looking at the image.
        correlation_baseline: the value from the other attributes alone.
        bound: "at least" if the value is a lower bound, because the networks behind it were not
            known to be done learning; "about" if it is relative to such a value; else "".
        original_bound: the same for the value on original images.
    """

    run: str
    data: str
    attribute: str
    mechanism: str
    is_baseline: bool
    epsilon: float
    seed: int
    adversary: str
    queries: int
    metric: str
    value: float | None
    low: float | None
    high: float | None
    original: float | None
    majority_baseline: float | None
    correlation_baseline: float | None
    bound: str
    original_bound: str


@dataclass(frozen=True)
class EvaluationRow:
    """One mechanism, or a folder of images censored elsewhere, judged for one attribute.

    Attributes:
        folder: of the run.
        mechanism: name of the mechanism.
        data: name of the images, and a key that identifies their content.
        fingerprint: the settings that determine the outcome, by dotted path.
        evaluation: of the attribute.
        is_baseline: whether this is the filter alone, within a mechanism that has a generator too.
    """

    folder: RunFolder
    mechanism: str
    data: tuple[str, str]
    fingerprint: dict[str, Any]
    evaluation: Evaluation
    is_baseline: bool

    @property
    def attribute(self) -> str:
        """The hidden attribute."""
        return self.evaluation.attribute

    @property
    def epsilon(self) -> float:
        """The distortion budget that was set; nan for images that were censored elsewhere."""
        epsilon = self.fingerprint["epsilon"]
        return NO_BUDGET if epsilon is None else float(epsilon)

    @property
    def budget(self) -> float | None:
        """The distortion budget that the mechanism uses; None if it uses none."""
        return budget_of(self.fingerprint)

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.fingerprint["seed"])

    @property
    def run_label(self) -> str:
        """Budget and seed, as in "epsilon-0.01 seed-0"; "" for an audit."""
        epsilon = self.fingerprint["epsilon"]
        budget = "" if epsilon is None else f"epsilon-{epsilon} "
        return "" if self.is_audit else f"{budget}seed-{self.seed}"

    @property
    def is_audit(self) -> bool:
        """Whether the images were censored elsewhere."""
        return AUDITED in self.fingerprint

    @property
    def sentence(self) -> str:
        """The summary sentence, see ``verdict.summary_sentence``."""
        if not self.is_audit:
            mechanism = f"{self.mechanism} ({self.run_label})"
            return summary_sentence(self.evaluation, mechanism, self.budget)
        return f"{self.mechanism}: {summary_sentence(self.evaluation, '', None)}"

    @property
    def judge_settings(self) -> dict[str, Any]:
        """The settings of the judge that results must share to be comparable."""
        settings = self.evaluation.settings
        return {key: value for key, value in settings.items() if key not in WITHOUT_EFFECT}

    @property
    def setup(self) -> dict[str, Any]:
        """The settings that determine the outcome, without budget and seed."""
        return setup_from(self.fingerprint)

    @property
    def on_celeba(self) -> bool:
        """Whether the images are CelebA, of any size and number."""
        return self.data[0].startswith("celeba-")

    def value(self, metric: str, column: str = "censored") -> float | None:
        """Return a metric's value; None if it was not measured or is not defined."""
        measure = self.evaluation.measures.get(metric)
        estimate = None if measure is None else getattr(measure, column)
        return None if estimate is None else float(estimate.value)

    def measure_records(self) -> list[Record]:
        """Return a record for each metric."""
        return [
            self._record(reported_adversary(name), 0, name, measure, self._bounds(name))
            for name, measure in self.evaluation.measures.items()
        ]

    def adversary_records(self) -> list[Record]:
        """Return a record for each adversary, number of queries and score."""
        return [
            self._record(
                each.adversary, each.queries, metric_of_score(score), Measure(estimate), (bound, "")
            )
            for each in self.evaluation.adversaries
            for bound in [adversary_prefix(self.evaluation, each.adversary).strip()]
            for score, estimate in each.test.items()
        ]

    def _bounds(self, metric: str) -> tuple[str, str]:
        """Return a metric's ``bound`` and ``original_bound``, see ``Record``."""
        censored, original = (
            bound_prefix(self.evaluation, metric, column).strip()
            for column in ("censored", "original")
        )
        return censored, original

    def _record(
        self, adversary: str, queries: int, metric: str, measure: Measure, bounds: tuple[str, str]
    ) -> Record:
        censored, (bound, original_bound) = measure.censored, bounds
        return Record(
            run=str(self.folder.path),
            data=self.data[0],
            attribute=self.attribute,
            mechanism=self.mechanism,
            is_baseline=self.is_baseline,
            epsilon=self.epsilon,
            seed=self.seed,
            adversary=adversary,
            queries=queries,
            metric=metric,
            value=value_of(censored),
            low=None if censored is None else censored.low,
            high=None if censored is None else censored.high,
            original=value_of(measure.original),
            majority_baseline=value_of(measure.majority_baseline),
            correlation_baseline=value_of(measure.correlation_baseline),
            bound=bound,
            original_bound=original_bound if measure.original is not None else "",
        )


def reported_adversary(metric: str) -> str:
    """Return the adversary of a reported metric in a Record: "strongest", or "" if it has none."""
    return STRONGEST if find_metric(metric).score_name else ""


def metric_of_score(score: str) -> str:
    """Return the name of the metric that reports the strongest adversary's score."""
    kind, slash, key = score.partition("/")
    metrics = (name for name, metric in METRICS.items() if metric.score_name == kind)
    return f"{next(metrics, kind)}{slash}{key}"


def value_of(estimate: Estimate | None) -> float | None:
    """Return an estimate's value; None for None."""
    return None if estimate is None else estimate.value


def setup_from(fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that determine the outcome, without every epsilon and seed."""
    return {
        key: value
        for key, value in fingerprint.items()
        if key.rpartition(".")[2] not in ("epsilon", "seed")
    }


def evaluation_rows(run: FinishedRun) -> list[EvaluationRow]:
    """Return the evaluations of a run and of its filter alone; none if it was not judged."""
    result, name = run.result, run.mechanism
    data = (result.data, str(result.fingerprint["data.key"]))
    if (audited := result.fingerprint.get(AUDITED)) is not None:
        name = f"audit of {audited}"
    if len(result.evaluations) > 1:  # a stack hides several attributes
        name += f" ({' and '.join(result.evaluations)})"
    return [
        EvaluationRow(run.folder, mechanism, data, result.fingerprint, evaluation, is_baseline)
        for mechanism, evaluations, is_baseline in (
            (name, result.evaluations, False),
            (f"{name}'s filter alone", result.baseline or {}, True),
        )
        for evaluation in evaluations.values()
    ]


def all_evaluation_rows(runs: Iterable[FinishedRun]) -> list[EvaluationRow]:
    """Return the evaluations of all runs, see ``evaluation_rows``."""
    return [row for run in runs for row in evaluation_rows(run)]
