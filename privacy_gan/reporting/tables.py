"""The paper's Tables 1, 2 and 3, measured, beside what the paper prints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from privacy_gan.reporting import paper_values
from privacy_gan.reporting.paper_values import ATTRIBUTES, MECHANISMS, TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import Curve, Panel, aggregate_over_seeds, budget_text

PAPERS_BUDGETS = (0.001, 0.005, 0.01, 0.05)
ADVERSARIES = {
    "paper_privacy_loss": "one ResNet-10 that sees each image once, the paper's way",
    "privacy_loss": "the strongest adversary",
}
CORRELATION = "correlation/"
Kind = dict[str, Curve]  # of one mechanism, made and judged in the same way, by attribute


@dataclass(frozen=True, eq=False)
class Table:
    """One of the paper's tables.

    Attributes:
        number: the paper's.
        variant: what was measured, where there are several: data, mechanism, budget.
        caption: what the numbers are.
        corner: what the rows are.
        cells: a row for each cell, see ``cells_of``.
        like: a run in it or, where runs are missing, one of their kind.
        is_share: whether values are shown as percentages.
    """

    number: int
    variant: str
    caption: str
    corner: str
    cells: pd.DataFrame
    like: EvaluationRow
    is_share: bool = True

    @property
    def shows_paper(self) -> bool:
        """Whether the paper has something to stand beside it."""
        return bool(self.cells["paper"].notna().any())


def table_cells(
    measured: Mapping[str, pd.DataFrame | None],
    rows: Iterable[str],
    printed: pd.DataFrame | None,
    like: EvaluationRow,
) -> pd.DataFrame:
    """Return the cells of a table, by row and then by column.

    Args:
        measured: values over seeds by the row's name, for each column; None where nothing is.
        rows: their names.
        printed: what the paper prints, by row and column; None where it has nothing.
        like: a run in the table; of other data than the paper's nothing is subtracted.

    Returns:
        The columns row, column, mean, std, seeds (0 where no run has it), paper, paper_std and
        difference, measured less printed; nan where there is nothing.
    """
    index = pd.MultiIndex.from_product([rows, measured], names=["row", "column"])
    found = {name: of[["mean", "std", "seeds"]] for name, of in measured.items() if of is not None}
    cells = pd.concat(found, names=["column", "row"]).swaplevel().reindex(index)
    cells["seeds"] = cells["seeds"].fillna(0).astype(int)
    papers = pd.DataFrame({"paper": [], "paper_std": []}) if printed is None else printed
    cells[["paper", "paper_std"]] = papers.reindex(index)
    cells["difference"] = cells["mean"] - cells["paper"] if like.on_celeba else math.nan
    return cells.reset_index()


def make_tables(panels: Sequence[Panel]) -> list[Table]:
    """Return the tables for which there are runs."""
    kinds = kinds_in(panels)
    third = [
        table
        for measure in ADVERSARIES
        for panel in panels
        if panel.first.attribute == TABLE_3_ATTRIBUTE
        for table in table3(panel, measure)
    ]
    return [*map(table1, kinds), *(table for kind in kinds for table in table2(kind)), *third]


def kinds_in(panels: Sequence[Panel]) -> list[Kind]:
    """Return each way of making the paper's mechanism in full, and of judging it."""
    kinds: dict[str, Kind] = {}
    for curve in (curve for panel in panels for curve in panel.curves):
        first = curve.first
        if is_filter_and_generator(first):
            alike = (first.mechanism, first.data, first.judge_settings, of_any_attribute(first))
            kinds.setdefault(json.dumps(alike, sort_keys=True), {})[first.attribute] = curve
    return list(kinds.values())


def name_and_first(kind: Kind) -> tuple[str, EvaluationRow]:
    """Return what tells a kind from others, and one of its entries."""
    curve = next(iter(kind.values()))
    return f"{curve.name}, {curve.first.data[0]}", curve.first


def of_any_attribute(entry: EvaluationRow) -> dict[str, object]:
    """Return how a run was made, but for which attribute it hides."""
    return {key: value for key, value in entry.setup.items() if key != "attribute"}


def is_filter_and_generator(entry: EvaluationRow) -> bool:
    """Tell whether a run is of the paper's mechanism in full."""
    return {"filter", "generator"} <= parts_of(entry) and not entry.is_baseline


def parts_of(entry: EvaluationRow) -> set[str]:
    """Return the names of a mechanism's parts, of its settings at least."""
    return {key.split(".")[1] for key in entry.fingerprint if key.startswith("privatizer.")}


def budgets_of(curves: Iterable[Curve], like: EvaluationRow, papers: Sequence[float]) -> list[str]:
    """Return the runs' budgets and, where the data are the paper's, the paper's, in order."""
    own = {epsilon for curve in curves for epsilon in curve.points}
    return [budget_text(epsilon) for epsilon in sorted(own | set(papers if like.on_celeba else ()))]


def table1(kind: Kind) -> Table:
    """Return how often the fixed classifier of s sees s'."""
    name, like = name_and_first(kind)
    attributes = dict.fromkeys([*(ATTRIBUTES if like.on_celeba else ()), *kind])
    measured = {each: by_budget(kind.get(each), "success_rate") for each in attributes}
    rows = budgets_of(kind.values(), like, PAPERS_BUDGETS)
    return Table(
        1,
        name,
        "Success rate: how often the fixed classifier of s sees s' in x''. Higher is better.",
        "epsilon",
        table_cells(measured, rows, paper_values.table1(), like),
        like,
    )


def by_budget(curve: Curve | None, metric: str) -> pd.DataFrame | None:
    """Return a metric over seeds by the budget's name; None without a curve."""
    return None if curve is None else curve.over_seeds(metric).rename(index=budget_text)


def table2(kind: Kind) -> Iterator[Table]:
    """Yield, for each budget, the correlations between predictions of s and of other attributes.

    The paper does not say at which budget it measured them.
    """
    name, like = name_and_first(kind)
    printed = paper_values.table2()
    printed = printed[[row != column for row, column in printed.index]]
    for epsilon in budgets_of(kind.values(), like, ()):
        measured = {hidden: correlations(curve.results, epsilon) for hidden, curve in kind.items()}
        found = dict.fromkeys(other for of in measured.values() for other in of.index)
        rows = [other for other in dict.fromkeys([*ATTRIBUTES, *found]) if other in found]
        if rows:
            yield Table(
                2,
                f"{name}, epsilon {epsilon}",
                "Pearson's correlation between the fixed classifiers' predictions of the row's "
                "attribute and of the column's, which is the hidden one. (The paper does not say "
                "at which epsilon it measured.)",
                "attribute",
                table_cells(measured, rows, printed, like),
                like,
                is_share=False,
            )


def correlations(results: pd.DataFrame, epsilon: str) -> pd.DataFrame:
    """Return the correlations at a budget over seeds, by the other attribute."""
    at_budget = results["epsilon"].map(budget_text) == epsilon
    rows = results[at_budget & results["metric"].str.startswith(CORRELATION)]
    return aggregate_over_seeds(rows, "metric").rename(index=lambda name: name.removeprefix(CORRELATION))


def table3(panel: Panel, measure: str) -> Iterator[Table]:
    """Yield the adversary's accuracy against the filter, the generator and both.

    There is a table for each way of making the mechanism in full; the filter is the baseline within
    it, or one that was trained by itself in the same way.
    """
    printed = paper_values.table3() if measure == "paper_privacy_loss" else None
    for both in panel.curves:
        if not is_filter_and_generator(both.first):
            continue
        curves = {
            name: both if name == "filter_generator" else part_of(panel, both, name)
            for name in MECHANISMS
        }
        rows = budgets_of(filter(None, curves.values()), both.first, PAPERS_BUDGETS)
        measured = {name: by_budget(curve, measure) for name, curve in curves.items()}
        cells = table_cells(measured, rows, printed, both.first)
        if cells["seeds"].any():
            yield Table(
                3,
                f"{both.name}, {panel.first.data[0]}, by {ADVERSARIES[measure]}",
                f"Accuracy in telling {TABLE_3_ATTRIBUTE} from censored images. Lower is better.",
                "epsilon",
                cells,
                both.first,
            )


def part_of(panel: Panel, both: Curve, part: str) -> Curve | None:
    """Return the curve of a part of the mechanism alone, made as it is in the whole.

    The filter within the whole is trained without regard to the generator, so it counts as alone.
    """
    other = "generator" if part == "filter" else "filter"

    def made_as(entry: EvaluationRow) -> dict[str, object]:
        setup = entry.setup.items()
        return {key: value for key, value in setup if not key.startswith(f"privatizer.{other}.")}

    def is_part(curve: Curve) -> bool:
        entry = curve.first
        if entry.is_baseline:
            return part == "filter" and entry.setup == both.first.setup
        alone = parts_of(entry)
        return part in alone and other not in alone and made_as(entry) == made_as(both.first)

    return next(filter(is_part, panel.curves), None)
