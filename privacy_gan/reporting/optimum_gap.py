"""Finished runs on Gaussian toy data beside the best that any mechanism could do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.optimum import gaussian_optimum
from privacy_gan.reporting.reading import FinishedRun
from privacy_gan.reporting.summary import PERCENT, aligned
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Estimate

FINE_GRID = 101  # half a minute for a few budgets, and within a tenth of a point of the limit


@dataclass(frozen=True)
class Comparison:
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
        if "data.mu" in run.result.identity
        for evaluation in run.result.evaluations.values()
        if any(scores.queries == 1 for scores in evaluation.adversaries)
    ]


def compared(runs: Sequence[FinishedRun]) -> list[Comparison]:
    """Return runs beside the optimum, by budget."""
    measured = [single_query(run) for run in runs]
    of_toy = [(run.result.identity["data.mu"], run.result.identity["data.sigma"]) for run in runs]
    optima: dict[tuple[float, float], dict[float, float]] = {}
    for toy in dict.fromkeys(of_toy):  # one program for all budgets
        distortions = [d for (_, d), each in zip(measured, of_toy, strict=True) if each == toy]
        least = gaussian_optimum(*toy, distortions, points=FINE_GRID)
        optima[toy] = dict(zip(distortions, map(float, least), strict=True))
    return sorted(
        (
            Comparison(run.folder, epsilon_of(run), distortion, accuracy, optima[toy][distortion])
            for run, toy, (accuracy, distortion) in zip(runs, of_toy, measured, strict=True)
        ),
        key=lambda comparison: comparison.epsilon,
    )


def epsilon_of(run: FinishedRun) -> float:
    """Return a run's budget."""
    return float(run.result.identity["epsilon"])


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
    rows = [["run", "epsilon", "distortion", "adversary, one query", "optimum", "gap"]]
    for each in compared(runs):
        interval = f"[{each.accuracy.low * 100:.1f}, {PERCENT(each.accuracy.high)}]"
        rows.append(
            [
                str(each.folder.path),
                f"{each.epsilon:g}",
                f"{each.distortion:.3f}",
                f"{PERCENT(each.accuracy.value)} {interval}",
                PERCENT(each.optimum),
                PERCENT(each.gap),
            ]
        )
    return ["\n".join(aligned(rows))]
