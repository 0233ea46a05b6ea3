"""Finished runs on numbers beside the best that any mechanism could do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy_gan.errors import UserError
from privacy_gan.evaluation.bootstrap import Estimate
from privacy_gan.evaluation.optimum import gaussian_optimum

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
    """Return all judged runs on numbers below a folder, by budget.

    Raises:
        UserError: there are none.
    """
    records = [(path.parent, read(path)) for path in sorted(folder.rglob("result.json"))]
    numbers = [
        (where, record)
        for where, record in records
        if "data.mu" in record.get("identity", {}) and record.get("evaluations")
    ]
    if not numbers:
        raise UserError(
            f"no judged run on numbers lies below {folder}: make some with "
            "experiments/train.py -m experiment=gaussian epsilon=0.1,0.5,1,2.5"
        )
    compared = [compare(where, record) for where, record in numbers]
    return sorted(compared, key=lambda comparison: comparison.epsilon)


def read(path: Path) -> dict[str, Any]:
    """Return a result record.

    Raises:
        UserError: it is unreadable.
    """
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is unreadable ({error}): delete it") from error


def compare(folder: Path, record: dict[str, Any]) -> Comparison:
    """Return one run beside the optimum."""
    identity, (evaluation,) = record["identity"], record["evaluations"].values()
    single = [attempt for attempt in evaluation["attempts"] if attempt["queries"] == 1]
    if not single:
        raise UserError(f"{folder} was not judged with one query, which the optimum is about")
    best = max(single, key=lambda attempt: attempt["valid"]["accuracy"])
    distortion = evaluation["measures"]["distortion"]["censored"]["value"]
    (optimum,) = gaussian_optimum(
        identity["data.mu"], identity["data.sigma"], [distortion], points=FINE_GRID
    )
    accuracy = Estimate(**best["test"]["accuracy"])
    return Comparison(folder, identity["epsilon"], distortion, accuracy, float(optimum))
