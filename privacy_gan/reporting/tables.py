"""The paper's Tables 1, 2 and 3, measured, next to the paper's values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from privacy_gan.reporting import paper_values
from privacy_gan.reporting.paper_values import ATTRIBUTES, MECHANISMS, TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import Curve, Panel, aggregate_over_seeds, format_budget

PAPER_BUDGETS = (0.001, 0.005, 0.01, 0.05)
ADVERSARIES = {
    "paper_privacy_loss": "the paper's adversary (one ResNet-10 that sees each image once)",
    "privacy_loss": "the strongest adversary",
}
CORRELATION = "correlation/"
CurvesByAttribute = dict[str, Curve]  # with the same settings of mechanism and judge


@dataclass(frozen=True, eq=False)
class Table:
    """One of the paper's tables.

    Attributes:
        number: the paper's number.
        variant: data, mechanism and budget, to distinguish tables with the same number.
        caption: what the numbers are.
        corner: heading of the rows' names.
        cells: a row for each cell, see ``table_cells``.
        example: a run in the table or, if runs are missing, one with the same settings.
        is_share: whether values are shown as percentages.
    """

    number: int
    variant: str
    caption: str
    corner: str
    cells: pd.DataFrame
    example: EvaluationRow
    is_share: bool = True

    @property
    def shows_paper(self) -> bool:
        """Whether the paper has a value for any cell."""
        return bool(self.cells["paper"].notna().any())


def table_cells(
    measured: Mapping[str, pd.DataFrame | None],
    rows: Iterable[str],
    paper: pd.DataFrame | None,
    example: EvaluationRow,
) -> pd.DataFrame:
    """Return the cells of a table, row by row.

    Args:
        measured: for each column, values over seeds by the row's name; None if there are none.
        rows: names of the rows.
        paper: the paper's values by row and column; None if it has none.
        example: a run in the table; there are differences only if its data are CelebA.

    Returns:
        The columns row, column, mean, std, seeds (0 if there are no runs), bound (see ``Record``;
        "" if there are none), paper, paper_std and difference, measured minus paper; nan for other
        missing values.
    """
    index = pd.MultiIndex.from_product([rows, measured], names=["row", "column"])
    columns = {
        name: values[["mean", "std", "seeds", "bound"]]
        for name, values in measured.items()
        if values is not None
    }
    cells = pd.concat(columns, names=["column", "row"]).swaplevel().reindex(index)
    cells["seeds"] = cells["seeds"].fillna(0).astype(int)
    cells["bound"] = cells["bound"].fillna("")
    paper = pd.DataFrame({"paper": [], "paper_std": []}) if paper is None else paper
    cells[["paper", "paper_std"]] = paper.reindex(index)
    cells["difference"] = cells["mean"] - cells["paper"] if example.on_celeba else math.nan
    return cells.reset_index()


def make_tables(panels: Sequence[Panel]) -> list[Table]:
    """Return the tables for which there are runs."""
    groups = group_by_settings(panels)
    tables3 = [
        table
        for measure in ADVERSARIES
        for panel in panels
        if panel.example.attribute == TABLE_3_ATTRIBUTE
        for table in make_table3(panel, measure)
    ]
    return [
        *map(make_table1, groups),
        *(table for group in groups for table in make_table2(group)),
        *tables3,
    ]


def group_by_settings(panels: Sequence[Panel]) -> list[CurvesByAttribute]:
    """Return the curves of filter and generator, grouped by the settings of mechanism and judge."""
    groups: dict[str, CurvesByAttribute] = {}
    for curve in (curve for panel in panels for curve in panel.curves):
        entry = curve.example
        if is_filter_and_generator(entry):
            setup = setup_without_attribute(entry)
            key = json.dumps(
                (entry.mechanism, entry.data, entry.judge_settings, setup), sort_keys=True
            )
            groups.setdefault(key, {})[entry.attribute] = curve
    return list(groups.values())


def name_and_example(curves: CurvesByAttribute) -> tuple[str, EvaluationRow]:
    """Return a name for curves with the same settings, and one of their entries."""
    curve = next(iter(curves.values()))
    return f"{curve.name}, {curve.example.data[0]}", curve.example


def setup_without_attribute(entry: EvaluationRow) -> dict[str, object]:
    """Return the settings that determine the outcome, without budget, seed and attribute."""
    return {key: value for key, value in entry.setup.items() if key != "attribute"}


def is_filter_and_generator(entry: EvaluationRow) -> bool:
    """Return whether this is the paper's mechanism, filter and generator together."""
    return {"filter", "generator"} <= mechanism_parts(entry) and not entry.is_baseline


def mechanism_parts(entry: EvaluationRow) -> set[str]:
    """Return the names of a mechanism's parts, among other names of its settings."""
    return {key.split(".")[1] for key in entry.fingerprint if key.startswith("privatizer.")}


def format_budgets(
    curves: Iterable[Curve], example: EvaluationRow, paper_budgets: Sequence[float]
) -> list[str]:
    """Return the runs' budgets, and on CelebA the paper's too, in ascending order."""
    budgets = {epsilon for curve in curves for epsilon in curve.points}
    if example.on_celeba:
        budgets |= set(paper_budgets)
    return [format_budget(epsilon) for epsilon in sorted(budgets)]


def make_table1(curves: CurvesByAttribute) -> Table:
    """Return how often the fixed classifier of s predicts s'."""
    name, example = name_and_example(curves)
    attributes = dict.fromkeys([*(ATTRIBUTES if example.on_celeba else ()), *curves])
    measured = {each: by_budget(curves.get(each), "success_rate") for each in attributes}
    rows = format_budgets(curves.values(), example, PAPER_BUDGETS)
    return Table(
        1,
        name,
        "Success rate: how often the fixed classifier of s predicts s' from x''. Higher is better.",
        "epsilon",
        table_cells(measured, rows, paper_values.table1(), example),
        example,
    )


def by_budget(curve: Curve | None, metric: str) -> pd.DataFrame | None:
    """Return a metric over seeds by the budget's name; None for None."""
    return None if curve is None else curve.over_seeds(metric).rename(index=format_budget)


def make_table2(curves: CurvesByAttribute) -> Iterator[Table]:
    """Yield, for each budget, the correlations between predictions of s and of other attributes.

    The paper does not say at which budget it measured them.
    """
    name, example = name_and_example(curves)
    paper = paper_values.table2()
    paper = paper[[row != column for row, column in paper.index]]
    for epsilon in format_budgets(curves.values(), example, ()):
        measured = {
            hidden: correlations(curve.results, epsilon) for hidden, curve in curves.items()
        }
        present = dict.fromkeys(other for values in measured.values() for other in values.index)
        rows = [other for other in dict.fromkeys([*ATTRIBUTES, *present]) if other in present]
        if rows:
            yield Table(
                2,
                f"{name}, epsilon {epsilon}",
                "Pearson correlation between the fixed classifiers' predictions of the row's "
                "attribute and of the column's attribute, which is hidden. (The paper does not "
                "report its epsilon.)",
                "attribute",
                table_cells(measured, rows, paper, example),
                example,
                is_share=False,
            )


def correlations(results: pd.DataFrame, epsilon: str) -> pd.DataFrame:
    """Return the correlations at a budget over seeds, by the other attribute."""
    has_budget = results["epsilon"].map(format_budget) == epsilon
    rows = results[has_budget & results["metric"].str.startswith(CORRELATION)]
    return aggregate_over_seeds(rows, "metric").rename(
        index=lambda name: name.removeprefix(CORRELATION)
    )


def make_table3(panel: Panel, measure: str) -> Iterator[Table]:
    """Yield the adversary's accuracy against the filter, the generator and both together.

    There is a table for each combination of settings. The filter is the baseline within the
    mechanism, or a filter that was trained alone with the same settings.
    """
    paper = paper_values.table3() if measure == "paper_privacy_loss" else None
    for both in panel.curves:
        if not is_filter_and_generator(both.example):
            continue
        curves = {
            name: both if name == "filter_generator" else find_part(panel, both, name)
            for name in MECHANISMS
        }
        rows = format_budgets(filter(None, curves.values()), both.example, PAPER_BUDGETS)
        measured = {name: by_budget(curve, measure) for name, curve in curves.items()}
        cells = table_cells(measured, rows, paper, both.example)
        if cells["seeds"].any():
            yield Table(
                3,
                f"{both.name}, {panel.example.data[0]}, by {ADVERSARIES[measure]}",
                f"Accuracy of predicting {TABLE_3_ATTRIBUTE} from censored images. Lower is "
                "better.",
                "epsilon",
                cells,
                both.example,
            )


def find_part(panel: Panel, both: Curve, part: str) -> Curve | None:
    """Return the curve of the filter or generator alone, with the same settings as in ``both``.

    The filter within the mechanism is trained independently of the generator, so the baseline
    counts as a filter alone.
    """
    other = "generator" if part == "filter" else "filter"

    def shared_setup(entry: EvaluationRow) -> dict[str, object]:
        setup = entry.setup.items()
        return {key: value for key, value in setup if not key.startswith(f"privatizer.{other}.")}

    def is_part(curve: Curve) -> bool:
        entry = curve.example
        if entry.is_baseline:
            return part == "filter" and entry.setup == both.example.setup
        parts = mechanism_parts(entry)
        if part not in parts or other in parts:
            return False
        return shared_setup(entry) == shared_setup(both.example)

    return next(filter(is_part, panel.curves), None)
