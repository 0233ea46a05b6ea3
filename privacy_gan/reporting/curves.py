"""Figure 1 in numbers: panels of curves of points, each a mean over seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.reporting.hypervolume import hypervolume
from privacy_gan.reporting.judged import Judged, comparable, differences, titled
from privacy_gan.reporting.leading import leading_measure
from privacy_gan.reporting.paper_values import ATTRIBUTES
from privacy_gan.reporting.seeds import OverSeeds


@dataclass(frozen=True)
class Point:
    """What a mechanism achieves at one budget.

    Attributes:
        epsilon: the budget.
        entries: one for each seed, in their order.
    """

    epsilon: float
    entries: tuple[Judged, ...]

    def over_seeds(self, measure: str) -> OverSeeds | None:
        """Return a measure on censored images; None where no run has it."""
        return OverSeeds.of(entry.value(measure) for entry in self.entries)

    def mean(self, measure: str) -> float | None:
        """Return a measure's mean over seeds."""
        over = self.over_seeds(measure)
        return None if over is None else over.mean

    def interval(self, measure: str) -> tuple[float, float] | None:
        """Return what an error bar spans.

        That is a standard deviation over seeds on either side, and where there is one seed only,
        its 95% interval over test images.
        """
        over = self.over_seeds(measure)
        if over is None:
            return None
        if over.std is not None:
            return over.mean - over.std, over.mean + over.std
        (estimate,) = (
            found.censored
            for entry in self.entries
            if (found := entry.evaluation.measures.get(measure)) and found.censored
        )
        return estimate.low, estimate.high


@dataclass(frozen=True)
class Curve:
    """One mechanism, with one loss and other settings, over budgets.

    Attributes:
        name: what it is called within its panel.
        points: by budget, the smallest first.
    """

    name: str
    points: tuple[Point, ...]

    @property
    def first(self) -> Judged:
        """One of its entries, which tells what all have in common."""
        return self.points[0].entries[0]


@dataclass(frozen=True)
class Panel:
    """All curves that can be compared: one attribute hidden in the same images, judged alike.

    Attributes:
        title: data and attribute, and what tells it from its like.
        curves: in the order of their names.
        repeated: entries that are left out, because the same training was judged twice.
    """

    title: str
    curves: tuple[Curve, ...]
    repeated: tuple[Judged, ...] = ()

    @property
    def first(self) -> Judged:
        """One of its entries, which tells what all have in common."""
        return self.curves[0].first

    @property
    def entries(self) -> list[Judged]:
        """All that was judged, by curve, budget and seed."""
        return [entry for curve in self.curves for point in curve.points for entry in point.entries]

    @property
    def has_trade_off(self) -> bool:
        """Whether anything can be drawn: audits without originals measure no utility."""
        return any(
            point.mean("privacy_loss") is not None and point.mean("utility_score") is not None
            for curve in self.curves
            for point in curve.points
        )

    @property
    def leading(self) -> str:
        """The measure by which most leaks of what was judged."""
        return leading_measure([entry.evaluation for entry in self.entries])

    def bound(self, measure: str, column: str) -> float | None:
        """Return a measure's value on original images, at the prior or at the floor.

        It is the same for all that can be compared; references are trained once.
        """
        return self.first.value(measure, column)

    def hypervolume(self, curve: Curve) -> OverSeeds | None:
        """Return the share of the trade-off's square that a curve dominates, see hypervolume.py.

        Of curves whose seeds all have all budgets, it is the mean over seeds; else that of the
        points as they are.

        Returns:
            None where the square is not defined, since original images tell nothing.
        """
        edges = self.square()
        if edges is None:
            return None

        def area(values: Sequence[tuple[float | None, float | None]]) -> float:
            points = [(x, y) for x, y in values if x is not None and y is not None]
            return hypervolume(points, edges)

        seeds = [[entry.seed for entry in point.entries] for point in curve.points]
        if all(some == seeds[0] for some in seeds):
            by_seed = zip(*(point.entries for point in curve.points), strict=True)
            return OverSeeds.of(
                area([(each.value("privacy_loss"), each.value("utility_score")) for each in some])
                for some in by_seed
            )
        means = [
            (point.mean("privacy_loss"), point.mean("utility_score")) for point in curve.points
        ]
        return OverSeeds.of([area(means)])

    def square(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the hypervolume's reference point and its ideal, (privacy loss, utility) each."""
        bounds = [
            self.bound(measure, column)
            for measure in ("privacy_loss", "utility_score")
            for column in ("original", "prior")
        ]
        leaks, blind, useful, useless = (math.nan if bound is None else bound for bound in bounds)
        # comparisons with nan are false
        return ((leaks, useless), (blind, useful)) if leaks > blind and useful > useless else None


def panels_of(judged: Sequence[Judged]) -> list[Panel]:
    """Return a panel for all that can be compared, the paper's attributes first, in its order."""
    groups = comparable(judged)
    panels = [panel(title, some) for title, some in zip(titled(groups), groups, strict=True)]
    order = {name: place for place, name in enumerate(ATTRIBUTES)}
    return sorted(panels, key=lambda each: order.get(each.first.attribute, len(order)))


def panel(title: str, entries: Sequence[Judged]) -> Panel:
    """Return the curves of what can be compared."""
    by_setup: dict[tuple[str, str], list[Judged]] = {}
    for entry in entries:
        key = (entry.mechanism, json.dumps(entry.setup, sort_keys=True))
        by_setup.setdefault(key, []).append(entry)
    curves, repeated = [], []
    for (mechanism, _), alike in by_setup.items():
        namesakes = [
            others[0].setup
            for (name, _), others in by_setup.items()
            if name == mechanism and others is not alike
        ]
        told = differences(alike[0].setup, namesakes)
        points, left_out = points_of(alike)
        curves.append(Curve(f"{mechanism}, {told}" if told else mechanism, points))
        repeated += left_out
    curves.sort(key=lambda curve: curve.name)
    return Panel(title, tuple(curves), tuple(repeated))


def points_of(entries: Sequence[Judged]) -> tuple[tuple[Point, ...], list[Judged]]:
    """Return the points of one curve, and entries of seeds that are there already."""
    by_budget: dict[float, dict[int, Judged]] = {}
    left_out = []
    for entry in entries:
        seeds = by_budget.setdefault(entry.epsilon, {})
        if entry.seed in seeds:
            left_out.append(entry)
        else:
            seeds[entry.seed] = entry
    points = [
        Point(epsilon, tuple(seeds[seed] for seed in sorted(seeds)))
        for epsilon, seeds in sorted(by_budget.items())
    ]
    return tuple(points), left_out
