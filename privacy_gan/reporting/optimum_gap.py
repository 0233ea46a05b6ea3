"""Finished runs on Gaussian toy data, compared with the best possible mechanism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.evaluation.optimum import gaussian_optimum
from privacy_gan.reporting.cells import align_columns, format_cell
from privacy_gan.reporting.finished_runs import FinishedRun
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.lower_bounds import AT_LEAST, adversary_prefix, bound_notes
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.folder import RunFolder

GRID_POINTS = 101  # takes half a minute for a few budgets; within 0.1 points of the limit


@dataclass(frozen=True)
class OptimumComparison:
    """A run, and the optimum at the run's measured distortion.

    Attributes:
        folder: of the run.
        epsilon: its budget.
        distortion: on test images.
        accuracy: of the strongest adversary with one query, which is what the optimum assumes.
        prefix: "at least " if the adversaries were not done, else "".
        optimum: the least accuracy that any mechanism with this distortion achieves.
    """

    folder: RunFolder
    epsilon: float
    distortion: float
    accuracy: Estimate
    prefix: str
    optimum: float

    @property
    def gap(self) -> float:
        """Accuracy above the optimum; if it is negative, the adversary was too weak."""
        return self.accuracy.value - self.optimum


def gaussian_runs(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Return the runs on Gaussian toy data that were judged with one query."""
    return [
        run
        for run in runs
        if "data.mu" in run.result.fingerprint
        for evaluation in run.result.evaluations.values()
        if any(scores.queries == 1 for scores in evaluation.adversaries)
    ]


def compare_with_optimum(runs: Sequence[FinishedRun]) -> list[OptimumComparison]:
    """Return a comparison for each run, sorted by budget."""
    by_data: dict[tuple[float, float, float], list[tuple[FinishedRun, Estimate, str, float]]] = {}
    for run in runs:
        mu, sigma = (run.result.fingerprint[f"data.{name}"] for name in ("mu", "sigma"))
        prior = run.result.fingerprint.get("data.prior", 0.5)
        by_data.setdefault((mu, sigma, prior), []).append((run, *single_query_scores(run)))
    comparisons = []
    for (mu, sigma, prior), group in by_data.items():  # one call for all budgets
        budgets = [each[-1] for each in group]
        optima = gaussian_optimum(mu, sigma, budgets, points=GRID_POINTS, prior=prior)
        for (run, accuracy, prefix, distortion), optimum in zip(group, optima, strict=True):
            epsilon = float(run.result.fingerprint["epsilon"])
            comparisons.append(
                OptimumComparison(run.folder, epsilon, distortion, accuracy, prefix, float(optimum))
            )
    return sorted(comparisons, key=lambda comparison: comparison.epsilon)


def single_query_scores(run: FinishedRun) -> tuple[Estimate, str, float]:
    """Return the accuracy of the strongest adversary with one query, its prefix, the distortion."""
    (evaluation,) = run.result.evaluations.values()
    single = [scores for scores in evaluation.adversaries if scores.queries == 1]
    strongest = max(single, key=lambda scores: scores.valid["accuracy"] or 0.0)
    accuracy, name = strongest.test["accuracy"], strongest.adversary
    prefix = "" if evaluation.adversaries_done() else AT_LEAST
    distortion = evaluation.measures["distortion"].censored
    assert accuracy is not None  # always defined, like the distortion
    assert distortion is not None
    return accuracy, prefix or adversary_prefix(evaluation, name), distortion.value


def optimum_table(runs: Sequence[FinishedRun]) -> list[str]:
    """Return a table of runs on Gaussian toy data and the optimum; no lines if there are none."""
    if not runs:
        return []
    show = METRICS[ACCURACY].format_value
    rows = [
        [
            str(each.folder.path),
            f"{each.epsilon:g}",
            f"{each.distortion:.3f}",
            format_cell(ACCURACY, each.accuracy, True, each.prefix),
            show(each.optimum),
            f"{each.prefix}{show(each.gap)}",
        ]
        for each in compare_with_optimum(runs)
    ]
    header = ["run", "epsilon", "distortion", "adversary with one query", "optimum", "gap"]
    lines = align_columns([header, *rows])
    return ["\n".join([*lines, *bound_notes("\n".join(lines))])]
