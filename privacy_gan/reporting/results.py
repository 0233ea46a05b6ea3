"""All results as one table, and which numbers of it can be compared: panels of curves.

A panel holds what hides one attribute in the same images and was judged in the same way; a curve of
it differs in nothing but budget and seed.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from privacy_gan.reporting.leakage import ACCURACY, leading_measure
from privacy_gan.reporting.paper_values import ATTRIBUTES
from privacy_gan.reporting.records import EvaluationRow, Record, reported_adversary

UTILITY = "utility_score"
NUMBERS = ["value", "low", "high", "original", "majority_baseline", "correlation_baseline"]
NOTHING = pd.DataFrame({name: [] for name in ("mean", "std", "seeds", "low", "high")}, dtype=float)
Corner = tuple[float, float]  # a privacy loss and a utility score


@dataclass(frozen=True, eq=False)
class Curve:
    """One mechanism, with one loss and other settings, over budgets.

    Attributes:
        name: what it is called within its panel.
        entries: what was judged, by budget and seed, each of these once.
        results: all of its numbers, a row for each, with the columns of a Record.
    """

    name: str
    entries: tuple[EvaluationRow, ...]
    results: pd.DataFrame

    @property
    def first(self) -> EvaluationRow:
        """One of its entries, which tells what all have in common."""
        return self.entries[0]

    @property
    def points(self) -> dict[float, list[EvaluationRow]]:
        """The entries at each budget, by seed; the smallest budget first."""
        found: dict[float, list[EvaluationRow]] = {}
        for entry in self.entries:
            found.setdefault(entry.epsilon, []).append(entry)
        return found

    def aggregate_over_seeds(self, metric: str, adversary: str | None = None) -> pd.DataFrame:
        """Return a metric over seeds, by budget, see the function ``over_seeds``.

        Args:
            metric: its name.
            adversary: whose score it is, at the most queries that it made in each run; None for
                what is reported.
        """
        return self._over_seeds.get((metric, adversary or reported_adversary(metric)), NOTHING)

    @cached_property
    def _over_seeds(self) -> dict[tuple[str, str], pd.DataFrame]:
        one = ["metric", "adversary"]
        most = self.results.groupby(["run", *one])["queries"].transform("max")
        over = aggregate_over_seeds(self.results[self.results["queries"] == most], [*one, "epsilon"])
        return {name: some.droplevel(one) for name, some in over.groupby(one, sort=False)}


def aggregate_over_seeds(rows: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """Return what numbers of runs amount to that differ in nothing but their seed.

    Args:
        rows: of one metric, or of several that ``by`` tells apart.
        by: the columns whose values get a row each.

    Returns:
        The mean, the standard deviation ``std`` of a run (with n - 1; nan of one seed), the number
        of ``seeds``, and from ``low`` to ``high`` what an error bar spans: a standard deviation on
        either side and, of one seed, its 95% interval over test images. Numbers that are not
        defined do not count; there is no row without any. Sums are rounded once, so that the order
        of runs changes nothing.
    """
    over: pd.DataFrame = (
        rows.dropna(subset="value")
        .groupby(by, dropna=False, sort=False)
        .agg(
            mean=("value", statistics.fmean),
            std=("value", spread),
            seeds=("value", "count"),
            low=("low", "first"),
            high=("high", "first"),
        )
    )
    over["low"] = (over["mean"] - over["std"]).fillna(over["low"])
    over["high"] = (over["mean"] + over["std"]).fillna(over["high"])
    return over


def spread(values: pd.Series) -> float:
    """Return a standard deviation with n - 1, nan of one value."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


@dataclass(frozen=True, eq=False)
class Panel:
    """All curves that can be compared: one attribute hidden in the same images, judged alike.

    Attributes:
        title: data and attribute, and what tells it from its like.
        curves: in the order of their names.
        repeated: entries that are left out, because the same training was judged twice.
    """

    title: str
    curves: tuple[Curve, ...]
    repeated: tuple[EvaluationRow, ...] = ()

    @property
    def first(self) -> EvaluationRow:
        """One of its entries, which tells what all have in common."""
        return self.curves[0].first

    @property
    def entries(self) -> list[EvaluationRow]:
        """All that was judged, by curve, budget and seed."""
        return [entry for curve in self.curves for entry in curve.entries]

    @property
    def has_trade_off(self) -> bool:
        """Whether anything can be drawn: audits without originals measure no utility."""
        return any(len(trade_off(curve, ACCURACY)) for curve in self.curves)

    @property
    def leading(self) -> str:
        """The measure by which most leaks of what was judged."""
        return leading_measure([entry.evaluation for entry in self.entries])

    def bound(self, metric: str, column: str) -> float | None:
        """Return a metric's value on original images, at the prior or at the floor.

        It is the same for all that can be compared; references are trained once.
        """
        return self.first.value(metric, column)

    def square(self) -> tuple[Corner, Corner] | None:
        """Return the hypervolume's reference point and its ideal.

        Returns:
            None where the square is not defined, since original images tell nothing.
        """
        leaks, blind, useful, useless = (
            math.nan if (bound := self.bound(metric, column)) is None else bound
            for metric in (ACCURACY, UTILITY)
            for column in ("original", "majority_baseline")
        )
        # comparisons with nan are false
        return ((leaks, useless), (blind, useful)) if leaks > blind and useful > useless else None

    def hypervolume(self, curve: Curve) -> pd.Series | None:
        """Return the share of the trade-off's square that a curve dominates.

        Of curves whose seeds all have all budgets, that of each seed; else that of the points as
        they are, one number.

        Returns:
            None where the square is not defined.
        """
        square = self.square()
        if square is None:
            return None
        seeds = [[entry.seed for entry in some] for some in curve.points.values()]
        if any(some != seeds[0] for some in seeds):
            means = trade_off(curve, ACCURACY)
            areas = [hypervolume(zip(means["mean_leak"], means["mean_use"], strict=True), *square)]
        else:
            areas = [
                hypervolume(
                    (
                        (leak, use)
                        for entry in curve.entries
                        if entry.seed == seed
                        if (leak := entry.value(ACCURACY)) is not None
                        if (use := entry.value(UTILITY)) is not None
                    ),
                    *square,
                )
                for seed in seeds[0]
            ]
        return pd.Series(areas)


def trade_off(curve: Curve, metric: str) -> pd.DataFrame:
    """Return a curve's points: what leaks by a metric and the utility score, over seeds.

    The columns are those of ``over_seeds``, followed by _leak and _use.
    """
    leak, use = curve.over_seeds(metric), curve.over_seeds(UTILITY)
    return leak.add_suffix("_leak").join(use.add_suffix("_use"), how="inner")


def hypervolume(points: Iterable[Corner], reference: Corner, ideal: Corner) -> float:
    """Return the share of the rectangle between reference and ideal that points dominate.

    The hypervolume indicator (Zitzler and Thiele, 1999) in two dimensions, of which the first, the
    privacy loss, is to be small and the second, the utility score, large. The reference is what
    uncensored images leak and what is told without looking at all; the ideal, nothing leaked and
    as much told as of uncensored images. 0 is no better than the reference, 1 is the ideal. What
    lies beyond the rectangle is taken to its edge.
    """
    (worst_x, worst_y), (best_x, best_y) = reference, ideal
    gains = sorted(
        (
            min(max((worst_x - x) / (worst_x - best_x), 0.0), 1.0),
            min(max((y - worst_y) / (best_y - worst_y), 0.0), 1.0),
        )
        for x, y in points
    )
    area, height = 0.0, 0.0
    for width, reached in reversed(gains):  # from the most private to the least
        area += width * max(reached - height, 0.0)
        height = max(height, reached)
    return area


def make_panels(judged: Sequence[EvaluationRow]) -> list[Panel]:
    """Return a panel for all that can be compared, the paper's attributes first, in its order."""
    groups = comparable(judged)
    panels = [panel(title, some) for title, some in zip(titled(groups), groups, strict=True)]
    order = {name: place for place, name in enumerate(ATTRIBUTES)}
    return sorted(panels, key=lambda each: order.get(each.first.attribute, len(order)))


def panel(title: str, entries: Sequence[EvaluationRow]) -> Panel:
    """Return the curves of what can be compared."""
    by_setup: dict[tuple[str, str], list[EvaluationRow]] = {}
    for entry in entries:
        key = (entry.mechanism, json.dumps(entry.setup, sort_keys=True))
        by_setup.setdefault(key, []).append(entry)
    told = told_apart([(some[0].mechanism, some[0].setup) for some in by_setup.values()])
    curves, repeated = [], []
    for (mechanism, _), differing, alike in zip(by_setup, told, by_setup.values(), strict=True):
        kept: dict[tuple[float, int], EvaluationRow] = {}
        for entry in alike:
            if kept.setdefault((entry.epsilon, entry.seed), entry) is not entry:
                repeated.append(entry)
        curves.append(curve(f"{mechanism}{differing and ', '}{differing}", [*kept.values()]))
    curves.sort(key=lambda each: each.name)
    return Panel(title, tuple(curves), tuple(repeated))


def curve(name: str, entries: Sequence[EvaluationRow]) -> Curve:
    """Return a curve of entries that differ in budget and seed."""
    entries = sorted(entries, key=lambda entry: (entry.epsilon, entry.seed))
    records = [
        record for entry in entries for record in (*entry.measure_records(), *entry.adversary_records())
    ]
    results = pd.DataFrame(records, columns=Record._fields)
    return Curve(name, tuple(entries), results.astype(dict.fromkeys(NUMBERS, float)))


def results_table(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return all numbers of a report, a row for each: panel, curve, and the columns of a Record."""
    tables = [
        curve.results.assign(panel=panel.title, curve=curve.name)
        for panel in panels
        for curve in panel.curves
    ]
    return pd.concat(tables, ignore_index=True)[["panel", "curve", *Record._fields]]


def comparable(judged: Sequence[EvaluationRow]) -> list[list[EvaluationRow]]:
    """Return groups in which numbers can be compared.

    Their mechanisms hide the same attribute in the same images and were judged in the same way.
    """
    groups: dict[tuple[str, ...], list[EvaluationRow]] = {}
    for entry in judged:
        how = json.dumps(entry.judge_settings, sort_keys=True)
        groups.setdefault((*entry.data, entry.attribute, how), []).append(entry)
    return list(groups.values())


def titled(groups: Sequence[Sequence[EvaluationRow]]) -> list[str]:
    """Return a title for each group: its data and attribute, and what tells it from its like."""
    firsts = [entries[0] for entries in groups]
    names = [f"{first.attribute} in {first.data[0]}" for first in firsts]
    told = told_apart([(name, of.judge_settings) for name, of in zip(names, firsts, strict=True)])
    titles = []
    for name, first, differing in zip(names, firsts, told, strict=True):
        keys = {of.data[1] for other, of in zip(names, firsts, strict=True) if other == name}
        key = f" ({first.data[1][:8]})" if len(keys) > 1 else ""
        titles.append(f"{name}{key}{differing and ', judged with '}{differing}")
    return titles


def told_apart(settings: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return in which settings each differs from others of its name, in words; "" where in none."""
    told = []
    for name, own in settings:
        differing = sorted(
            {
                key
                for other, theirs in settings
                if other == name
                for key in theirs | own
                if own.get(key) != theirs.get(key)
            },
            key=lambda key: (key.count("."), key),  # the general ones first
        )
        more = f" and {len(differing) - 3} more settings" if len(differing) > 3 else ""
        told.append(", ".join(f"{key}={own.get(key, 'unset')}" for key in differing[:3]) + more)
    return told


def budget_text(epsilon: float) -> str:
    """Return a budget as it is written."""
    return "-" if math.isnan(epsilon) else f"{epsilon:g}"


def at_budget(epsilon: float) -> str:
    """Return under which budget something was done, in words."""
    return "without a budget" if math.isnan(epsilon) else f"at epsilon {epsilon:g}"
