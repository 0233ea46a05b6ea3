"""Finished runs on Gaussian toy data beside the best that any mechanism could do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.evaluation.optimum import gaussian_optimum
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.records import FinishedRun
from privacy_gan.reporting.run_summary import align_columns, format_cell
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Estimate

FINE_GRID = 101  # half a minute for a few budgets, and within a tenth of a point of the limit


@dataclass(frozen=True)
class OptimumComparison:
    """A run and the optimum at the distortion that it really has.

    Attributes:
        folder: the run's.
        epsilon: its budget.
        distortion: on test images.
        accuracy: of the strongest adversary with one query, as the optimum's has.
        optimum: the least accuracy that any mechanism with this distortion leaves.
    """

    folder: RunFolder
    epsilon: float
    distortion: float
    accuracy: Estimate
    optimum: float

    @property
    def gap(self) -> float:
        """What remains between the run and the optimum; below 0, the adversary was too weak."""
        return self.accuracy.value - self.optimum


def gaussian_runs(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Return the runs on Gaussian toy data that were judged with one query, as the optimum is."""
    return [
        run
        for run in runs
        if "data.mu" in run.result.fingerprint
        for evaluation in run.result.evaluations.values()
        if any(scores.queries == 1 for scores in evaluation.adversaries)
    ]


def compare_with_optimum(runs: Sequence[FinishedRun]) -> list[OptimumComparison]:
    """Return runs beside the optimum, by budget."""
    by_toy: dict[tuple[float, float], list[tuple[FinishedRun, Estimate, float]]] = {}
    for run in runs:
        toy = run.result.fingerprint["data.mu"], run.result.fingerprint["data.sigma"]
        by_toy.setdefault(toy, []).append((run, *single_query(run)))
    found = []
    for toy, some in by_toy.items():  # one program for all budgets
        optima = gaussian_optimum(*toy, [distortion for *_, distortion in some], points=FINE_GRID)
        for (run, accuracy, distortion), optimum in zip(some, optima, strict=True):
            epsilon = float(run.result.fingerprint["epsilon"])
            found.append(OptimumComparison(run.folder, epsilon, distortion, accuracy, float(optimum)))
    return sorted(found, key=lambda comparison: comparison.epsilon)


def single_query(run: FinishedRun) -> tuple[Estimate, float]:
    """Return the accuracy of the strongest adversary with one query, and the distortion."""
    (evaluation,) = run.result.evaluations.values()
    single = [scores for scores in evaluation.adversaries if scores.queries == 1]
    accuracy = max(single, key=lambda scores: scores.valid["accuracy"] or 0.0).test["accuracy"]
    distortion = evaluation.measures["distortion"].censored
    assert accuracy is not None  # both are always defined
    assert distortion is not None
    return accuracy, distortion.value


def optimum_table(runs: Sequence[FinishedRun]) -> list[str]:
    """Return a table of runs on Gaussian toy data beside the optimum; nothing where none are."""
    if not runs:
        return []
    show = METRICS[ACCURACY].format_value
    rows = [
        [
            str(each.folder.path),
            f"{each.epsilon:g}",
            f"{each.distortion:.3f}",
            format_cell(ACCURACY, each.accuracy, interval=True),
            show(each.optimum),
            show(each.gap),
        ]
        for each in compare_with_optimum(runs)
    ]
    header = ["run", "epsilon", "distortion", "adversary, one query", "optimum", "gap"]
    return ["\n".join(align_columns([header, *rows]))]
