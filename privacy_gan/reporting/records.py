"""What lies below a folder: finished runs, and a record for each number that their results hold.

Records are plain rows: a training's end, Weights & Biases and verdicts need no more.
``results.py`` makes one table of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from privacy_gan.errors import UserError
from privacy_gan.evaluation.metrics import METRICS, find_metric
from privacy_gan.reporting.budget import budget_in
from privacy_gan.reporting.verdict import summary_sentence
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Estimate, Evaluation, Measure, Result

AUDITED = "audit.images"  # in an audit's identity, which folder it was about
NO_BUDGET = math.nan  # of images that were censored elsewhere
STRONGEST = "strongest"  # in place of an adversary's name: who was that on validation images


class Record(NamedTuple):
    """One number that a judge found, and what bounds it; None where that is not defined.

    Attributes:
        run: its folder.
        data: what the images are called.
        attribute: the hidden one.
        mechanism: who hides it.
        is_baseline: whether that is the filter alone, of a mechanism that has more.
        epsilon: the distortion budget, nan where nobody promised one.
        seed: the training's.
        adversary: who told the attribute, "strongest" for what is reported; "" for metrics that
            are not an adversary's score.
        queries: censored versions of each image that a single adversary saw; else 0.
        metric: its name in the registry.
        value: on censored test images.
        low: of its 95% bootstrap interval over test images.
        high: likewise.
        original: the value on original images.
        majority_baseline: by always predicting as is most frequent.
        correlation_baseline: from the other attributes alone.
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


@dataclass(frozen=True)
class FinishedRun:
    """A run with a result that can be read.

    Attributes:
        folder: its own.
        result: what came out.
    """

    folder: RunFolder
    result: Result

    @property
    def mechanism(self) -> str:
        """What the run's mechanism is called."""
        return mechanism_name(self.folder, self.result)


@dataclass(frozen=True)
class RunsFound:
    """All runs below a folder.

    Attributes:
        finished: in the order of their paths.
        unfinished: begun and without a result, so far or for good.
        unreadable: why a file cannot be used, a line each.
    """

    finished: list[FinishedRun] = field(default_factory=list)
    unfinished: list[RunFolder] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def find_runs(folder: Path) -> RunsFound:
    """Return all runs below a folder, whatever state they are in.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"folder={folder} is no folder: give the one that holds the runs")
    found = RunsFound()
    for path in sorted(folder.rglob("result.json")):
        try:
            result = Result.read(path)
            result.require_current(path)
        except UserError as error:
            found.unreadable.append(str(error))
        except OSError as error:  # gone in the meantime, or a folder of that name
            found.unreadable.append(f"{path} is unreadable ({error.strerror})")
        else:
            if lacks := lacking_in(result):
                found.unreadable.append(f"{path} lacks {lacks}, so it is no run's result")
            else:
                found.finished.append(FinishedRun(RunFolder(path.parent), result))
    for path in sorted(folder.rglob("config.yaml")):
        run = RunFolder(path.parent)
        is_trackers = "wandb" in path.relative_to(folder).parts  # which keeps a copy
        if not is_trackers and not run.result_file.exists():
            found.unfinished.append(run)
    return found


def lacking_in(result: Result) -> str:
    """Return what a report cannot do without and a file does not say, "" where it says all."""
    for key in ("attribute", "epsilon", "seed", "data.key"):
        if key not in result.fingerprint:
            return f"identity.{key}"
    for evaluation in (*result.evaluations.values(), *(result.baseline or {}).values()):
        leaked = evaluation.measures.get("privacy_loss")
        if leaked is None or leaked.censored is None:
            return f"the privacy loss of {evaluation.attribute}"
    return ""


def mechanism_name(folder: RunFolder, result: Result) -> str:
    """Return a mechanism's name.

    It is what the result recorded or, of a result from before it did, what config.yaml says. Where
    that is gone, too, a folder that is laid out as conf/train.yaml lays it out tells the name, and
    any other one only the kind of privatizer.
    """
    if result.mechanism:
        return result.mechanism
    with suppress(UserError):
        if configured := folder.config().get("mechanism"):
            return str(configured)
    attribute, epsilon, seed = (result.fingerprint[key] for key in ("attribute", "epsilon", "seed"))
    budgets = [] if epsilon is None else [f"epsilon-{epsilon}", f"epsilon-{epsilon:g}"]
    match folder.path.parts:
        case [*_, name, hidden, budget, last] if (
            hidden == attribute and budget in budgets and last == f"seed-{seed}"
        ):
            return name
    return str(result.fingerprint.get("privatizer._target_", "unknown")).rpartition(".")[2]


@dataclass(frozen=True)
class EvaluationRow:
    """One mechanism, judged for one attribute; or images that were censored elsewhere.

    Attributes:
        folder: of its run.
        mechanism: what it is called.
        data: what the images are called, and a key that tells these from all others.
        fingerprint: what decided the run's outcome, by dotted path.
        evaluation: what the judge found.
        is_baseline: whether it is the filter alone, of a mechanism that has more.
    """

    folder: RunFolder
    mechanism: str
    data: tuple[str, str]
    fingerprint: dict[str, Any]
    evaluation: Evaluation
    is_baseline: bool

    @property
    def attribute(self) -> str:
        """The hidden one."""
        return self.evaluation.attribute

    @property
    def epsilon(self) -> float:
        """The distortion budget."""
        epsilon = self.fingerprint["epsilon"]
        return NO_BUDGET if epsilon is None else float(epsilon)

    @property
    def budget(self) -> float | None:
        """The distortion budget, None where there is none."""
        return budget_in(self.fingerprint)

    @property
    def seed(self) -> int:
        """The training's."""
        return int(self.fingerprint["seed"])

    @property
    def instance(self) -> str:
        """What tells it from others of its mechanism: budget and seed; "" of an audit."""
        epsilon = self.fingerprint["epsilon"]
        budget = "" if epsilon is None else f"epsilon-{epsilon} "
        return "" if self.is_audit else f"{budget}seed-{self.seed}"

    @property
    def is_audit(self) -> bool:
        """Whether the images were censored elsewhere."""
        return AUDITED in self.fingerprint

    @property
    def summary_sentence(self) -> str:
        """What was hidden, what still leaks, and at what cost."""
        if not self.is_audit:
            return summary_sentence(self.evaluation, f"{self.mechanism} ({self.instance})", self.budget)
        return f"{self.mechanism}: {summary_sentence(self.evaluation, '', None)}"

    @property
    def settings(self) -> dict[str, Any]:
        """How it was judged; seeds differ without making another measure of it."""
        settings = self.evaluation.settings
        return {key: value for key, value in settings.items() if key != "judge.seed"}

    @property
    def setup(self) -> dict[str, Any]:
        """How it was made, but for budget and seed."""
        return setup_of(self.fingerprint)

    @property
    def on_celeba(self) -> bool:
        """Whether the data are the paper's, whatever their size and number."""
        return self.data[0].startswith("celeba-")

    def value(self, metric: str, column: str = "censored") -> float | None:
        """Return a metric's value, None where it was not taken or is not defined."""
        found = self.evaluation.measures.get(metric)
        estimate = None if found is None else getattr(found, column)
        return None if estimate is None else float(estimate.value)

    def reported(self) -> list[Record]:
        """Return a record for each measure."""
        return [
            self._record(told_by(name), 0, name, measure)
            for name, measure in self.evaluation.measures.items()
        ]

    def of_each_adversary(self) -> list[Record]:
        """Return a record for each adversary, number of queries and score."""
        return [
            self._record(each.adversary, each.queries, metric_by(score), Measure(told))
            for each in self.evaluation.adversaries
            for score, told in each.test.items()
        ]

    def _record(self, adversary: str, queries: int, metric: str, measure: Measure) -> Record:
        told = measure.censored
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
            value=value_of(told),
            low=None if told is None else told.low,
            high=None if told is None else told.high,
            original=value_of(measure.original),
            majority_baseline=value_of(measure.majority_baseline),
            correlation_baseline=value_of(measure.correlation_baseline),
        )


def told_by(metric: str) -> str:
    """Return who told what is reported, as a Record has it."""
    return STRONGEST if find_metric(metric).score_name else ""


def metric_by(score: str) -> str:
    """Return the name of the metric that is the strongest adversary's in a score."""
    kind, slash, of = score.partition("/")
    metrics = (name for name, metric in METRICS.items() if metric.score_name == kind)
    return f"{next(metrics, kind)}{slash}{of}"


def value_of(estimate: Estimate | None) -> float | None:
    """Return an estimate's value, None where there is none."""
    return None if estimate is None else estimate.value


def setup_of(fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Return what decided a run's outcome but for budget and seed, wherever these are named."""
    return {
        key: value
        for key, value in fingerprint.items()
        if key.rpartition(".")[2] not in ("epsilon", "seed")
    }


def evaluation_rows(run: FinishedRun) -> list[EvaluationRow]:
    """Return what one result says; nothing where its run was not judged."""
    result, name = run.result, run.mechanism
    data = (result.data, str(result.fingerprint["data.key"]))
    if (audited := result.fingerprint.get(AUDITED)) is not None:
        name = f"audit of {audited}"
    if len(result.evaluations) > 1:  # a stack, which hides them all
        name += f" ({' and '.join(result.evaluations)})"
    both = [(name, result.evaluations), (f"{name}, its filter alone", result.baseline)]
    return [
        EvaluationRow(run.folder, who, data, result.fingerprint, evaluation, of is result.baseline)
        for who, of in both
        for evaluation in (of or {}).values()
    ]


def all_evaluation_rows(runs: Iterable[FinishedRun]) -> list[EvaluationRow]:
    """Return what results say of each attribute that their runs hide, and who hides it."""
    return [entry for run in runs for entry in evaluation_rows(run)]
