"""The paper's Tables 1, 2 and 3, measured, beside what the paper prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from privacy_gan.reporting import paper_values
from privacy_gan.reporting.curves import Curve, Panel, Point
from privacy_gan.reporting.judged import Judged
from privacy_gan.reporting.paper_values import ATTRIBUTES, MECHANISMS, TABLE_3_ATTRIBUTE, Printed
from privacy_gan.reporting.seeds import OverSeeds

PAPERS_BUDGETS = (0.001, 0.005, 0.01, 0.05)
ADVERSARIES = {
    "paper_privacy_loss": "one ResNet-10 that sees each image once, the paper's way",
    "privacy_loss": "the strongest adversary",
}


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        measured: by us; None where no run has it.
        printed: by the paper; None where it has none.
        differs: whether the two can be subtracted, for they are about the same data.
    """

    measured: OverSeeds | None
    printed: Printed | None
    differs: bool = True

    @property
    def difference(self) -> float | None:
        """Measured less printed."""
        if self.measured is None or self.printed is None or not self.differs:
            return None
        return self.measured.mean - self.printed.value


@dataclass(frozen=True)
class Table:
    """One of the paper's tables.

    Attributes:
        number: the paper's.
        variant: what was measured, where there are several: data, mechanism, budget.
        caption: what the numbers are.
        corner: what the rows are.
        columns: their names.
        rows: cells by the row's name, one for each column.
        is_share: whether values are shown as percentages.
        lacking: of which attribute, budget and mechanism runs are missing.
    """

    number: int
    variant: str
    caption: str
    corner: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]
    is_share: bool = True
    lacking: tuple[Lacking, ...] = ()


@dataclass(frozen=True)
class Lacking:
    """What a table of the paper's has and no run here does.

    Attributes:
        table: its number.
        attribute: the hidden one.
        epsilon: the budget.
        mechanism: which.
        like: a run of the same kind, which differs in these.
    """

    table: int
    attribute: str
    epsilon: float
    mechanism: str
    like: Judged


@dataclass(frozen=True)
class Kind:
    """Curves of one mechanism for several attributes, made and judged in the same way.

    Attributes:
        name: what tells it from others.
        by_attribute: its curve for each.
    """

    name: str
    by_attribute: dict[str, Curve]

    @property
    def first(self) -> Judged:
        """One of its entries."""
        return next(iter(self.by_attribute.values())).first

    def point(self, attribute: str, epsilon: float) -> Point | None:
        """Return what it achieves for an attribute at a budget; None where there is no run."""
        curve = self.by_attribute.get(attribute)
        points = curve.points if curve is not None else ()
        return next((point for point in points if point.epsilon == epsilon), None)

    def measured(self, attribute: str, epsilon: float, measure: str) -> OverSeeds | None:
        """Return a measure over seeds; None where there is no run."""
        point = self.point(attribute, epsilon)
        return None if point is None else point.over_seeds(measure)


def tables_of(panels: Sequence[Panel]) -> list[Table]:
    """Return the tables for which there are runs."""
    kinds = kinds_in(panels)
    both = [kind for kind in kinds if is_filter_and_generator(kind.first)]
    third = [
        table
        for measure in ADVERSARIES
        for panel in panels
        if panel.first.attribute == TABLE_3_ATTRIBUTE
        for table in table3(panel, measure)
    ]
    return [*map(table1, both), *(table for kind in both for table in table2(kind)), *third]


def kinds_in(panels: Sequence[Panel]) -> list[Kind]:
    """Return the mechanisms, each with all the attributes that it was used for."""
    found: dict[str, dict[str, Curve]] = {}
    for panel in panels:
        for curve in panel.curves:
            first = curve.first
            alike = (first.mechanism, first.data, first.settings, of_any_attribute(first))
            found.setdefault(json.dumps(alike, sort_keys=True), {})[first.attribute] = curve
    return [
        Kind(f"{curve.name}, {curve.first.data[0]}", by_attribute)
        for by_attribute in found.values()
        for curve in list(by_attribute.values())[:1]
    ]


def of_any_attribute(entry: Judged) -> dict[str, object]:
    """Return how a run was made, but for which attribute it hides."""
    return {key: value for key, value in entry.setup.items() if key != "attribute"}


def is_filter_and_generator(entry: Judged) -> bool:
    """Tell whether a run is of the paper's mechanism in full."""
    parts = {key.split(".")[1] for key in entry.identity if key.startswith("privatizer.")}
    return {"filter", "generator"} <= parts and not entry.is_baseline


def budgets_of(kind: Kind, papers: Sequence[float]) -> list[float]:
    """Return the paper's budgets and those of the runs, in order."""
    own = {point.epsilon for curve in kind.by_attribute.values() for point in curve.points}
    return sorted(own | (set(papers) if kind.first.on_celeba else set()))


def table1(kind: Kind) -> Table:
    """Return how often the fixed classifier of s sees s'."""
    printed = paper_values.table1()
    attributes = columns_of(kind)
    rows, lacking = {}, []
    for epsilon in budgets_of(kind, PAPERS_BUDGETS):
        cells = []
        for attribute in attributes:
            cell = Cell(
                kind.measured(attribute, epsilon, "success_rate"),
                printed.get((epsilon, attribute)),
                kind.first.on_celeba,
            )
            cells.append(cell)
            if cell.measured is None and cell.printed is not None and cell.differs:
                lacking.append(Lacking(1, attribute, epsilon, "filter_generator", kind.first))
        rows[f"{epsilon:g}"] = tuple(cells)
    return Table(
        1,
        kind.name,
        "Success rate: how often the fixed classifier of s sees s' in x''. Higher is better.",
        "epsilon",
        attributes,
        rows,
        lacking=tuple(lacking),
    )


def columns_of(kind: Kind) -> tuple[str, ...]:
    """Return the paper's attributes where the data are the paper's, and others that were hidden."""
    papers = ATTRIBUTES if kind.first.on_celeba else ()
    return (*papers, *(name for name in kind.by_attribute if name not in papers))


def table2(kind: Kind) -> Iterator[Table]:
    """Yield, for each budget, the correlations between predictions of s and of other attributes.

    The paper does not say at which budget it measured them.
    """
    printed = paper_values.table2()
    hidden = tuple(kind.by_attribute)
    for epsilon in budgets_of(kind, ()):
        measured = {
            (other, name): kind.measured(name, epsilon, f"correlation/{other}")
            for name in hidden
            for other in others_of(kind.by_attribute[name])
        }
        names = dict.fromkeys([*ATTRIBUTES, *(other for other, _ in measured)])
        rows = {
            other: tuple(
                Cell(
                    measured.get((other, name)),
                    printed.get((other, name)) if other != name else None,
                    kind.first.on_celeba,
                )
                for name in hidden
            )
            for other in names
        }
        rows = {name: cells for name, cells in rows.items() if any(c.measured for c in cells)}
        if rows:
            yield Table(
                2,
                f"{kind.name}, epsilon {epsilon:g}",
                "Pearson's correlation between the fixed classifiers' predictions of the row's "
                "attribute and of the column's, which is the hidden one. (The paper does not say "
                "at which epsilon it measured.)",
                "attribute",
                hidden,
                rows,
                is_share=False,
            )


def others_of(curve: Curve) -> list[str]:
    """Return the attributes whose correlation with the hidden one was measured."""
    return [
        name.partition("/")[2]
        for name in curve.first.evaluation.measures
        if name.startswith("correlation/")
    ]


def table3(panel: Panel, measure: str) -> Iterator[Table]:
    """Yield the adversary's accuracy against the filter, the generator and both.

    There is a table for each way of making the mechanism in full; the filter is the baseline within
    it, or one that was trained by itself in the same way.
    """
    printed = paper_values.table3()
    comparable = panel.first.on_celeba
    for both in panel.curves:
        if not is_filter_and_generator(both.first):
            continue
        curves = {
            "filter": part_of(panel, both, "filter"),
            "generator": part_of(panel, both, "generator"),
            "filter_generator": both,
        }
        budgets = {point.epsilon for curve in curves.values() if curve for point in curve.points}
        rows, lacking = {}, []
        for epsilon in sorted(budgets | (set(PAPERS_BUDGETS) if comparable else set())):
            cells = []
            for name in MECHANISMS:
                curve = curves[name]
                kind = Kind(name, {TABLE_3_ATTRIBUTE: curve} if curve else {})
                cell = Cell(
                    kind.measured(TABLE_3_ATTRIBUTE, epsilon, measure),
                    printed.get((epsilon, name)) if measure == "paper_privacy_loss" else None,
                    comparable,
                )
                cells.append(cell)
                if cell.measured is None and cell.printed and cell.differs:
                    lacking.append(Lacking(3, TABLE_3_ATTRIBUTE, epsilon, name, both.first))
            rows[f"{epsilon:g}"] = tuple(cells)
        if any(cell.measured for cells in rows.values() for cell in cells):
            yield Table(
                3,
                f"{both.name}, {panel.first.data[0]}, by {ADVERSARIES[measure]}",
                f"Accuracy in telling {TABLE_3_ATTRIBUTE} from censored images. Lower is better.",
                "epsilon",
                MECHANISMS,
                rows,
                lacking=tuple(lacking),
            )


def part_of(panel: Panel, both: Curve, part: str) -> Curve | None:
    """Return the curve of a part of the mechanism alone, made as it is in the whole.

    The filter within the whole is trained without regard to the generator, so it counts as alone.
    """
    other = "generator" if part == "filter" else "filter"

    def made_as(entry: Judged) -> dict[str, object]:
        setup = entry.setup.items()
        return {key: value for key, value in setup if not key.startswith(f"privatizer.{other}.")}

    def is_part(curve: Curve) -> bool:
        entry = curve.first
        if entry.is_baseline:
            return part == "filter" and entry.setup == both.first.setup
        alone = {key.split(".")[1] for key in entry.identity if key.startswith("privatizer.")}
        return part in alone and other not in alone and made_as(entry) == made_as(both.first)

    return next(filter(is_part, panel.curves), None)


def without_repetition(lacking: Sequence[Lacking]) -> list[Lacking]:
    """Return what is missing, once for each run that would fill it."""
    runs: dict[tuple[str, float, str, str], Lacking] = {}
    for each in sorted(lacking, key=lambda each: each.table):
        mechanism = run_of(each.mechanism)
        alike = json.dumps(of_any_attribute(each.like), sort_keys=True)
        key = (each.attribute, each.epsilon, mechanism, alike)
        runs.setdefault(key, replace(each, mechanism=mechanism))
    return list(runs.values())


def run_of(mechanism: str) -> str:
    """Return the mechanism whose run measures one: the filter comes with the whole."""
    return "filter_generator" if mechanism == "filter" else mechanism
