"""All results as one table, grouped into panels and curves.

A panel holds the mechanisms that can be compared: they hide the same attribute in the same images,
and the judge had the same settings. The runs of a curve differ only in budget and seed.
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
from privacy_gan.reporting.lower_bounds import joint_prefix
from privacy_gan.reporting.paper_values import ATTRIBUTES
from privacy_gan.reporting.records import EvaluationRow, Record, reported_adversary

UTILITY = "utility_score"
NUMBERS = ["value", "low", "high", "original", "majority_baseline", "correlation_baseline"]
EMPTY = pd.DataFrame(
    {name: [] for name in ("mean", "std", "seeds", "low", "high")}, dtype=float
).assign(bound="")
Corner = tuple[float, float]  # privacy loss, utility score


@dataclass(frozen=True, eq=False)
class Curve:
    """One mechanism, with one loss and other settings, over budgets.

    Attributes:
        name: unique within its panel.
        entries: its evaluations, one for each budget and seed.
        results: all of their numbers, a row for each, with the columns of a Record.
    """

    name: str
    entries: tuple[EvaluationRow, ...]
    results: pd.DataFrame

    @property
    def example(self) -> EvaluationRow:
        """The first entry, for properties that all entries share."""
        return self.entries[0]

    @property
    def points(self) -> dict[float, list[EvaluationRow]]:
        """The entries of each budget, by seed; the smallest budget first."""
        points: dict[float, list[EvaluationRow]] = {}
        for entry in self.entries:
            points.setdefault(entry.epsilon, []).append(entry)
        return points

    def over_seeds(self, metric: str, adversary: str | None = None) -> pd.DataFrame:
        """Return a metric over seeds, by budget, see ``aggregate_over_seeds``.

        Args:
            metric: its name.
            adversary: whose score it is, at the largest number of queries in each run; None for the
                reported value.
        """
        return self._over_seeds.get((metric, adversary or reported_adversary(metric)), EMPTY)

    @cached_property
    def _over_seeds(self) -> dict[tuple[str, str], pd.DataFrame]:
        keys = ["metric", "adversary"]
        max_queries = self.results.groupby(["run", *keys])["queries"].transform("max")
        rows = self.results[self.results["queries"] == max_queries]
        table = aggregate_over_seeds(rows, [*keys, "epsilon"])
        return {name: group.droplevel(keys) for name, group in table.groupby(keys, sort=False)}


def aggregate_over_seeds(rows: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """Return mean and spread of numbers over runs that differ only in their seed.

    Args:
        rows: of one metric, or of several that ``by`` distinguishes.
        by: the columns to group by.

    Returns:
        A row for each group, with the columns ``mean``; ``std``, the standard deviation over seeds
        (n - 1 in the denominator; nan for one seed); ``seeds``, their number; ``low`` and
        ``high``, the ends of the error bar: one standard deviation to either side or, for one seed,
        its 95% interval over test images; and ``bound`` of the mean, see ``Record``. Undefined
        numbers do not count; a group without any number has no row. Sums are rounded once, so the
        order of runs does not matter.
    """
    table: pd.DataFrame = (
        rows.dropna(subset="value")
        .groupby(by, dropna=False, sort=False)
        .agg(
            mean=("value", statistics.fmean),
            std=("value", sample_std),
            seeds=("value", "count"),
            low=("low", "first"),
            high=("high", "first"),
            bound=("bound", joint_bound),
        )
    )
    table["low"] = (table["mean"] - table["std"]).fillna(table["low"])
    table["high"] = (table["mean"] + table["std"]).fillna(table["high"])
    return table


def joint_bound(bounds: Iterable[str]) -> str:
    """Return the bound of a mean of values with these bounds, see ``Record``."""
    return joint_prefix(f"{bound} " for bound in bounds).strip()


def sample_std(values: pd.Series) -> float:
    """Return the standard deviation with n - 1 in the denominator; nan for one value."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


@dataclass(frozen=True, eq=False)
class Panel:
    """All curves that can be compared: the same attribute, images and judge settings.

    Attributes:
        title: data and attribute, and whatever distinguishes it from panels of the same name.
        curves: in the order of their names.
        duplicates: entries that are excluded, because the same training was judged before.
    """

    title: str
    curves: tuple[Curve, ...]
    duplicates: tuple[EvaluationRow, ...] = ()

    @property
    def example(self) -> EvaluationRow:
        """The first entry, for properties that all entries share."""
        return self.curves[0].example

    @property
    def entries(self) -> list[EvaluationRow]:
        """All entries, by curve, budget and seed."""
        return [entry for curve in self.curves for entry in curve.entries]

    @property
    def has_trade_off(self) -> bool:
        """Whether there is a point to draw: audits without originals measure no utility."""
        return any(len(trade_off_points(curve, ACCURACY)) for curve in self.curves)

    @property
    def leading(self) -> str:
        """The metric with the largest leak, on average over the entries."""
        return leading_measure([entry.evaluation for entry in self.entries])

    def reference_value(self, metric: str, column: str) -> float | None:
        """Return a metric's value on original images or of a baseline, as ``column`` says.

        It is the same for all entries: the references are trained once.
        """
        return self.example.value(metric, column)

    def hypervolume_corners(self) -> tuple[Corner, Corner] | None:
        """Return the hypervolume's reference point and its ideal point.

        The reference point is the privacy loss of original images and the utility score of the
        majority baseline; the ideal is the reverse. None if original images are no better than
        the majority baseline in either, or one of these values is unknown.
        """
        max_leak, min_leak, max_utility, min_utility = (
            math.nan if (value := self.reference_value(metric, column)) is None else value
            for metric in (ACCURACY, UTILITY)
            for column in ("original", "majority_baseline")
        )
        if max_leak > min_leak and max_utility > min_utility:  # false for nan
            return (max_leak, min_utility), (min_leak, max_utility)
        return None

    def hypervolume(self, curve: Curve) -> pd.Series | None:
        """Return the share of the rectangle between the two corners that a curve dominates.

        A value for each seed if all seeds have all budgets, else one value for the mean points.
        None if the corners are not defined.
        """
        corners = self.hypervolume_corners()
        if corners is None:
            return None
        seeds = [[entry.seed for entry in entries] for entries in curve.points.values()]
        if any(each != seeds[0] for each in seeds):
            means = trade_off_points(curve, ACCURACY)
            areas = [
                hypervolume(zip(means["mean_leak"], means["mean_utility"], strict=True), *corners)
            ]
        else:
            areas = [
                hypervolume(
                    (
                        (leak, utility)
                        for entry in curve.entries
                        if entry.seed == seed
                        if (leak := entry.value(ACCURACY)) is not None
                        if (utility := entry.value(UTILITY)) is not None
                    ),
                    *corners,
                )
                for seed in seeds[0]
            ]
        return pd.Series(areas)


def trade_off_points(curve: Curve, metric: str) -> pd.DataFrame:
    """Return a curve's points over seeds, by budget: a metric of what leaks, and the utility score.

    The columns are those of ``aggregate_over_seeds`` with the suffixes _leak and _utility.
    """
    leak, utility = curve.over_seeds(metric), curve.over_seeds(UTILITY)
    return leak.add_suffix("_leak").join(utility.add_suffix("_utility"), how="inner")


def hypervolume(points: Iterable[Corner], reference: Corner, ideal: Corner) -> float:
    """Return the share of the rectangle between reference and ideal that points dominate.

    The hypervolume indicator (Zitzler and Thiele, 1999) in two dimensions, where the privacy loss
    is minimized and the utility score maximized. 0 is no better than the reference, 1 is the
    ideal. Points outside the rectangle are clipped to it.
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
    for width, gain in reversed(gains):  # from the most private to the least
        area += width * max(gain - height, 0.0)
        height = max(height, gain)
    return area


def make_panels(entries: Sequence[EvaluationRow]) -> list[Panel]:
    """Return the panels of all entries, the paper's attributes first, in the paper's order."""
    groups = group_comparable(entries)
    panels = [make_panel(*each) for each in zip(group_titles(groups), groups, strict=True)]
    order = {name: place for place, name in enumerate(ATTRIBUTES)}
    return sorted(panels, key=lambda each: order.get(each.example.attribute, len(order)))


def make_panel(title: str, entries: Sequence[EvaluationRow]) -> Panel:
    """Return a panel of entries that can be compared."""
    by_setup: dict[tuple[str, str], list[EvaluationRow]] = {}
    for entry in entries:
        key = (entry.mechanism, json.dumps(entry.setup, sort_keys=True))
        by_setup.setdefault(key, []).append(entry)
    groups = list(by_setup.values())
    differences = differing_settings([(group[0].mechanism, group[0].setup) for group in groups])
    curves, duplicates = [], []
    for group, difference in zip(groups, differences, strict=True):
        selected: dict[tuple[float, int], EvaluationRow] = {}
        for entry in group:
            if selected.setdefault((entry.epsilon, entry.seed), entry) is not entry:
                duplicates.append(entry)
        name = f"{group[0].mechanism}{difference and ', '}{difference}"
        curves.append(make_curve(name, list(selected.values())))
    curves.sort(key=lambda each: each.name)
    return Panel(title, tuple(curves), tuple(duplicates))


def make_curve(name: str, entries: Sequence[EvaluationRow]) -> Curve:
    """Return a curve of entries that differ only in budget and seed."""
    entries = sorted(entries, key=lambda entry: (entry.epsilon, entry.seed))
    records = [
        record
        for entry in entries
        for record in (*entry.measure_records(), *entry.adversary_records())
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


def group_comparable(entries: Sequence[EvaluationRow]) -> list[list[EvaluationRow]]:
    """Return groups of entries with the same attribute, images and judge settings."""
    groups: dict[tuple[str, ...], list[EvaluationRow]] = {}
    for entry in entries:
        settings = json.dumps(entry.judge_settings, sort_keys=True)
        groups.setdefault((*entry.data, entry.attribute, settings), []).append(entry)
    return list(groups.values())


def group_titles(groups: Sequence[Sequence[EvaluationRow]]) -> list[str]:
    """Return a unique title for each group: attribute, data, and key or settings if needed."""
    examples = [entries[0] for entries in groups]
    names = [f"{entry.attribute} in {entry.data[0]}" for entry in examples]
    differences = differing_settings(
        [(name, entry.judge_settings) for name, entry in zip(names, examples, strict=True)]
    )
    titles = []
    for name, entry, difference in zip(names, examples, differences, strict=True):
        keys = {each.data[1] for other, each in zip(names, examples, strict=True) if other == name}
        key = f" ({entry.data[1][:8]})" if len(keys) > 1 else ""
        titles.append(f"{name}{key}{difference and ', judged with '}{difference}")
    return titles


def differing_settings(named: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the settings in which each item differs from others of its name, as text.

    Args:
        named: the name and the settings of each item.

    Returns:
        At most three settings each and the number of the others; "" if there are none.
    """
    texts = []
    for name, settings in named:
        differing = sorted(
            {
                key
                for other_name, other in named
                if other_name == name
                for key in other | settings
                if settings.get(key) != other.get(key)
            },
            key=lambda key: (key.count("."), key),  # top-level settings first
        )
        text = ", ".join(f"{key}={settings.get(key, 'unset')}" for key in differing[:3])
        if (more := len(differing) - 3) > 0:
            text += f" and {more} more setting{'s' * (more != 1)}"
        texts.append(text)
    return texts


def format_budget(epsilon: float) -> str:
    """Return a budget as text; "-" if there is none."""
    return "-" if math.isnan(epsilon) else f"{epsilon:g}"


def budget_phrase(epsilon: float) -> str:
    """Return "at epsilon 0.01", or "without a budget"."""
    return "without a budget" if math.isnan(epsilon) else f"at epsilon {epsilon:g}"
