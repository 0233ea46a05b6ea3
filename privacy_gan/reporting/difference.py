"""Differences between mechanisms, with intervals over test images or their persons, and seeds."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.cells import align_columns
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.lower_bounds import ABOUT, bound_prefix
from privacy_gan.reporting.paired import (
    image_differences,
    paired_bootstrap,
    persons_differ,
    shared_persons,
)
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import UTILITY, Panel, budget_phrase
from privacy_gan.runs.estimate import NORMAL_QUANTILE

MEASURES = (ACCURACY, UTILITY)  # results record for these which test images were correct
MAX_SENTENCE_PAIRS = 3  # more pairs of mechanisms are shown as a matrix
SIGNIFICANT = "*"
LONGER_TRAINING = "longer training of the judge's networks may change it"


@dataclass(frozen=True)
class Difference:
    """The difference between two mechanisms in one metric, at one budget.

    Attributes:
        measure: its name.
        epsilon: the budget.
        names: of the two mechanisms.
        value: the first minus the second, mean over seeds.
        low: lower end of its 95% interval.
        high: upper end of that interval.
        seeds: number of seeds that both were trained with.
        images: number of test images; None if the two were not compared image by image.
        persons: number of persons in them, if they are known and were resampled.
        persons_differ: whether they were not compared image by image because the two results name
            different persons.
        prefix: "about " if one of the two values is a lower bound, else "".
    """

    measure: str
    epsilon: float
    names: tuple[str, str]
    value: float
    low: float
    high: float
    seeds: int
    images: int | None
    persons: int | None = None
    persons_differ: bool = False
    prefix: str = ""

    @property
    def is_significant(self) -> bool:
        """Whether the 95% interval excludes 0."""
        return not self.low <= 0 <= self.high

    def sentence(self) -> str:
        """Return which mechanism is higher, by how much, and what the interval is based on."""
        higher, lower = self.names if self.value >= 0 else self.names[::-1]
        low, high = sorted((self.low, self.high) if self.value >= 0 else (-self.low, -self.high))
        noun, size = short_title(self.measure), f"{self.prefix}{abs(self.value) * 100:.1f} points"
        where = budget_phrase(self.epsilon)
        note = f"; {LONGER_TRAINING}" if self.prefix else ""
        interval = f"(95% interval {100 * low:.1f} to {100 * high:.1f}; {self.sample}{note})"
        if self.is_significant:
            return f"{higher}: {noun} {size} higher than {lower} {where} {interval}"
        return (
            f"{higher} and {lower}: no significant difference in {noun} {where}, {size} {interval}"
        )

    @property
    def sample(self) -> str:
        """The images, their persons and the seeds that the interval is based on."""
        images = "unpaired test images" if self.images is None else f"{self.images:,} test images"
        if self.persons is not None:
            images += f" of {self.persons:,} persons"
        if self.persons_differ:
            images += " (their persons differ)"
        return f"{images}, {self.seeds} seed{'s' * (self.seeds != 1)}"


def short_title(measure: str) -> str:
    """Return a measure's title without what is in brackets."""
    return METRICS[measure].title.partition(" (")[0]


def compare_curves(panel: Panel) -> list[Difference]:
    """Return the differences of all pairs of curves at the budgets that both have."""
    return [
        difference
        for first, second in itertools.combinations(panel.curves, 2)
        for epsilon, entries in first.points.items()
        for measure in MEASURES
        if (others := second.points.get(epsilon)) is not None
        if (difference := compare(measure, epsilon, (first.name, second.name), entries, others))
    ]


def compare(
    measure: str,
    epsilon: float,
    names: tuple[str, str],
    first: Sequence[EvaluationRow],
    second: Sequence[EvaluationRow],
) -> Difference | None:
    """Compare two mechanisms in one metric; return None if they share no seed with a value.

    The variance of the difference is that over test images or their persons, plus that of the mean
    over seeds. With one seed only the former is known; with several, Student's t replaces the
    normal distribution.
    """
    pairs = [
        (one, other)
        for one in first
        for other in second
        if one.seed == other.seed and one.value(measure) is not None
        if other.value(measure) is not None
    ]
    if not pairs:
        return None
    values = [(one.value(measure) or 0.0) - (other.value(measure) or 0.0) for one, other in pairs]
    differ = persons_differ(pairs)
    by_image = None if differ else image_differences(measure, pairs)
    persons = None if by_image is None else shared_persons(pairs)
    low, high = (
        unpaired_interval(measure, pairs)
        if by_image is None
        else paired_bootstrap(by_image, persons)
    )
    value = statistics.fmean(values)
    if len(values) > 1:
        from scipy.stats import t

        image_variance = ((high - low) / (2 * NORMAL_QUANTILE)) ** 2
        seed_variance = statistics.variance(values) / len(values)
        reach = t.ppf(0.975, len(values) - 1) * math.sqrt(image_variance + seed_variance)
        low, high = value - reach, value + reach
    return Difference(
        measure,
        epsilon,
        names,
        value,
        low,
        high,
        seeds=len(values),
        images=None if by_image is None else len(by_image),
        persons=None if persons is None else int(persons.max()) + 1,
        persons_differ=differ,
        prefix=ABOUT if has_bound(measure, pairs) else "",
    )


def has_bound(measure: str, pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> bool:
    """Return whether one of the values is a lower bound, see ``lower_bounds``."""
    return any(bound_prefix(entry.evaluation, measure) for pair in pairs for entry in pair)


def unpaired_interval(
    measure: str, pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]
) -> tuple[float, float]:
    """Return the 95% interval of the first pair's difference, from the intervals of both.

    This treats the two samples of test images as independent, so the interval is wider than that of
    a comparison image by image.
    """
    (one, other) = pairs[0]
    value = (one.value(measure) or 0.0) - (other.value(measure) or 0.0)
    widths = []
    for entry in (one, other):
        estimate = entry.evaluation.measures[measure].censored
        assert estimate is not None
        widths.append(estimate.high - estimate.low)
    reach = math.hypot(*widths) / 2
    return value - reach, value + reach


@dataclass(frozen=True, eq=False)
class Matrix:
    """The differences between all mechanisms in one metric, at one budget.

    Attributes:
        title: the metric and the budget.
        cells: by the names of two mechanisms, the row minus the column in percentage points, with
            sign, followed by "*" if significant; "" if the two were not compared.
    """

    title: str
    cells: pd.DataFrame

    def lines(self) -> list[str]:
        """Return the matrix for a terminal; its columns are numbered, not named."""
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
    """Return whether there are too many pairs of mechanisms for a sentence each."""
    return len({each.names for each in differences}) > MAX_SENTENCE_PAIRS


def difference_matrices(differences: Sequence[Difference]) -> list[Matrix]:
    """Return a matrix for each metric and budget."""
    groups: dict[tuple[str, float], list[Difference]] = {}
    for each in differences:
        groups.setdefault((each.measure, each.epsilon), []).append(each)
    return [
        Matrix(
            f"{short_title(measure)} {budget_phrase(epsilon)}: row minus column, in percentage "
            f"points{f'; {LONGER_TRAINING}' if any(each.prefix for each in group) else ''}",
            matrix_cells(group),
        )
        for (measure, epsilon), group in groups.items()
    ]


def matrix_cells(differences: Sequence[Difference]) -> pd.DataFrame:
    """Return the cells of a matrix."""
    names = list(dict.fromkeys(name for each in differences for name in each.names))
    cells = pd.DataFrame("", index=names, columns=names)
    for each in differences:
        (first, second), mark = each.names, SIGNIFICANT if each.is_significant else ""
        cells.loc[first, second] = f"{100 * each.value:+.1f}{mark}"
        cells.loc[second, first] = f"{100 * -each.value:+.1f}{mark}"
    return cells
