"""Finished runs on Gaussian toy data beside the best that any mechanism could do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from privacy_gan.errors import UserError
from privacy_gan.evaluation.optimum import gaussian_optimum
from privacy_gan.reporting.reading import results_below
from privacy_gan.runs.result import Estimate, Result

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

    folder: Path
    epsilon: float
    distortion: float
    accuracy: Estimate
    optimum: float

    @property
    def gap(self) -> float:
        """What remains between the run and the optimum; below 0, the adversary was too weak."""
        return self.accuracy.value - self.optimum


def compare_with_optimum(folder: Path) -> list[Comparison]:
    """Return all judged runs on Gaussian toy data below a folder, by budget.

    Raises:
        UserError: there are none, or a result is unreadable or another version's.
    """
    gaussian = [
        (where, result)
        for where, result in results_below(folder)
        if "data.mu" in result.identity and result.evaluations
    ]
    if not gaussian:
        raise UserError(
            f"no judged run on Gaussian toy data lies below {folder}: make some with "
            "experiments/train.py -m experiment=gaussian epsilon=0.1,0.5,1,2.5"
        )
    compared = [compare(where, result) for where, result in gaussian]
    return sorted(compared, key=lambda comparison: comparison.epsilon)


def compare(folder: Path, result: Result) -> Comparison:
    """Return one run beside the optimum."""
    identity, (evaluation,) = result.identity, result.evaluations.values()
    single = [scores for scores in evaluation.adversaries if scores.queries == 1]
    if not single:
        raise UserError(f"{folder} was not judged with one query, which the optimum is about")
    accuracy = max(single, key=lambda scores: scores.valid["accuracy"] or 0.0).test["accuracy"]
    distortion = evaluation.measures["distortion"].censored
    assert accuracy is not None
    assert distortion is not None
    (optimum,) = gaussian_optimum(
        identity["data.mu"], identity["data.sigma"], [distortion.value], points=FINE_GRID
    )
    return Comparison(folder, identity["epsilon"], distortion.value, accuracy, float(optimum))
