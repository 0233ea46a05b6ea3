"""Whether two mechanisms differ by more than seeds and test images explain."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import UTILITY, Panel, at_budget
from privacy_gan.reporting.run_summary import align_columns

RESAMPLES = 2000
NORMAL_QUANTILE = statistics.NormalDist().inv_cdf(0.975)
MEASURES = (ACCURACY, UTILITY)  # of which results keep which test images were told right
SENTENCES = 3  # pairs that are told in sentences
REAL = "*"  # marks what chance does not explain

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How far two mechanisms are apart in one measure, at one budget.

    Attributes:
        measure: its name.
        epsilon: the budget.
        names: of the two.
        value: the first's less the second's, mean over seeds.
        low: of its 95% interval.
        high: likewise.
        seeds: number of seeds that both have been trained with.
        images: number of test images; None where they were not compared image by image.
    """

    measure: str
    epsilon: float
    names: tuple[str, str]
    value: float
    low: float
    high: float
    seeds: int
    images: int | None

    @property
    def is_explained(self) -> bool:
        """Whether chance can explain it."""
        return self.low <= 0 <= self.high

    def sentence(self) -> str:
        """Return what it says, and on what grounds."""
        verb = "keeps" if METRICS[self.measure].higher_is_better else "leaks"
        noun = noun_of(self.measure)
        one, other = self.names if self.value >= 0 else self.names[::-1]
        low, high = sorted((self.low, self.high) if self.value >= 0 else (-self.low, -self.high))
        size = (
            f"{abs(self.value) * 100:.1f} points (95% interval {100 * low:.1f} to {100 * high:.1f})"
        )
        where = at_budget(self.epsilon)
        if self.is_explained:
            return (
                f"{one} and {other} cannot be told apart in {noun} {where}: {size}, which "
                f"{self.grounds} can explain"
            )
        doubt = "" if self.seeds > 1 else "; another seed may say otherwise"
        return (
            f"{one} {verb} more than {other} {where}, by {size}, which {self.grounds} cannot "
            f"explain{doubt}"
        )

    @property
    def grounds(self) -> str:
        """What the interval allows for."""
        images = "test images" if self.images is None else f"{self.images:,} test images"
        seeds = f" and of {self.seeds} seeds" if self.seeds > 1 else ""
        return f"the choice of {images}{seeds}"


def noun_of(measure: str) -> str:
    """Return what a measure is called in a sentence."""
    return METRICS[measure].title.partition(" (")[0]


def compare_curves(panel: Panel) -> list[Difference]:
    """Return the differences of all pairs of curves at the budgets that both have."""
    return [
        difference
        for one, other in itertools.combinations(panel.curves, 2)
        for epsilon, entries in one.points.items()
        for measure in MEASURES
        if (others := other.points.get(epsilon)) is not None
        if (difference := difference_of(measure, epsilon, (one.name, other.name), entries, others))
    ]


def difference_of(
    measure: str,
    epsilon: float,
    names: tuple[str, str],
    one: Sequence[EvaluationRow],
    other: Sequence[EvaluationRow],
) -> Difference | None:
    """Compare two mechanisms in one measure; None where no seed has it of both.

    The variance of the difference is that which test images cause, plus that of a mean over seeds.
    Of one seed only the former is known; of several, the normal quantile gives way to Student's.
    """
    pairs = [
        (here, there)
        for here in one
        for there in other
        if here.seed == there.seed and here.value(measure) is not None
        if there.value(measure) is not None
    ]
    if not pairs:
        return None
    values = [(here.value(measure) or 0.0) - (there.value(measure) or 0.0) for here, there in pairs]
    by_image = image_differences(measure, pairs)
    low, high = (
        unpaired_interval(measure, pairs) if by_image is None else paired_bootstrap(by_image)
    )
    value = statistics.fmean(values)
    if len(values) > 1:
        from scipy.stats import t

        of_images = ((high - low) / (2 * NORMAL_QUANTILE)) ** 2
        of_seeds = statistics.variance(values) / len(values)
        reach = t.ppf(0.975, len(values) - 1) * math.sqrt(of_images + of_seeds)
        low, high = value - reach, value + reach
    images = None if by_image is None else len(by_image)
    return Difference(measure, epsilon, names, value, low, high, len(values), images)


def image_differences(measure: str, pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> Floats | None:
    """Return the difference at each test image, mean over seeds; None where outcomes lack."""
    outcomes = [tuple(outcomes_of(entry, measure) for entry in pair) for pair in pairs]
    differences = []
    for here, there in outcomes:
        if here is None or there is None or len(here) != len(there):
            return None
        differences.append(here - there)
    return np.mean(differences, axis=0)  # type: ignore[no-any-return]


def outcomes_of(entry: EvaluationRow, measure: str) -> Floats | None:
    """Return by how much each test image adds to a measure, [N]; None where that was not kept."""
    evaluation = entry.evaluation
    names = [measure]
    if measure == UTILITY:
        names = [name for name in evaluation.correct if name.startswith("utility/")]
    right = [evaluation.is_correct(name) for name in names]
    if not right or any(of is None for of in right):
        return None
    return np.mean([of for of in right if of is not None], axis=0)  # type: ignore[no-any-return]


def paired_bootstrap(by_image: Floats) -> tuple[float, float]:
    """Return the 95% interval of a mean over images, which are drawn with replacement.

    Few different values occur, so it is drawn how often each does: the same distribution as that of
    drawing images one by one.
    """
    values, counts = np.unique(by_image, return_counts=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(by_image), counts / len(by_image), RESAMPLES)
    low, high = np.quantile(drawn @ values / len(by_image), [0.025, 0.975])
    return float(low), float(high)


def unpaired_interval(measure: str, pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> tuple[float, float]:
    """Return a 95% interval from those of both, as if each had test images of its own.

    It is wider than one that compares image by image: what is hard for both counts twice.
    """
    (one, other) = pairs[0]
    value = (one.value(measure) or 0.0) - (other.value(measure) or 0.0)
    spans = []
    for entry in (one, other):
        estimate = entry.evaluation.measures[measure].censored
        assert estimate is not None
        spans.append(estimate.high - estimate.low)
    reach = math.hypot(*spans) / 2
    return value - reach, value + reach


@dataclass(frozen=True, eq=False)
class Matrix:
    """How far mechanisms are apart in one measure, at one budget.

    Attributes:
        title: the measure and the budget.
        cells: by the names of two mechanisms, the row's less the column's, in percentage points,
            signed, "*" behind what is more than chance; "" where the two were not compared.
    """

    title: str
    cells: pd.DataFrame

    def lines(self) -> list[str]:
        """Return the matrix for a terminal; numbers stand for the columns' names."""
        numbers = range(1, len(self.cells) + 1)
        rows = self.cells.itertuples(name=None)
        return [
            self.title,
            *align_columns(
                [
                    ["", *map(str, numbers)],
                    *([f"{number} {name}", *row] for number, (name, *row) in enumerate(rows, 1)),
                ]
            ),
        ]


def needs_matrix(differences: Sequence[Difference]) -> bool:
    """Tell whether there are more mechanisms than sentences can compare."""
    return len({each.names for each in differences}) > SENTENCES


def difference_matrices(differences: Sequence[Difference]) -> list[Matrix]:
    """Return a matrix for each measure and budget."""
    groups: dict[tuple[str, float], list[Difference]] = {}
    for each in differences:
        groups.setdefault((each.measure, each.epsilon), []).append(each)
    return [
        Matrix(
            f"{noun_of(measure)} {at_budget(epsilon)}: row less column, percentage points",
            cells_of(some),
        )
        for (measure, epsilon), some in groups.items()
    ]


def cells_of(differences: Sequence[Difference]) -> pd.DataFrame:
    """Return the cells of a matrix."""
    names = list(dict.fromkeys(name for each in differences for name in each.names))
    cells = pd.DataFrame("", index=names, columns=names)
    for each in differences:
        (one, other), mark = each.names, "" if each.is_explained else REAL
        cells.loc[one, other] = f"{100 * each.value:+.1f}{mark}"
        cells.loc[other, one] = f"{100 * -each.value:+.1f}{mark}"
    return cells
