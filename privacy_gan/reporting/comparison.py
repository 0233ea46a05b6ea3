"""Finished runs side by side: what leaks of each, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.leakage import ACCURACY, leading_measure
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import comparable, titled
from privacy_gan.reporting.run_summary import INTERVALS_NOTE, align_columns, format_cell
from privacy_gan.runs.result import Measure

COLUMNS = {name: metric.heading for name, metric in METRICS.items() if metric.heading}
WITH_INTERVALS = ("privacy_loss", "utility_score")  # there is no room for all
OVER = " over"  # follows a distortion
# what a line explains, and the line
LEGEND = {
    "most by": "most by: the measure by which most leaks here, of its strongest adversary",
    **{
        metric.heading: f"{metric.heading}: {metric.note}"
        for metric in METRICS.values()
        if metric.heading and metric.note
    },
    OVER: "over: more than epsilon allows, and more than the choice of test images explains",
    "(original)": "original: the same adversaries trained on uncensored images",
    "(floor)": "floor: from the other attributes alone; prior: without looking",
    "(hidden)": "hidden: the least distortion, about, at which any mechanism could hide the "
    "attribute completely",
}


def comparison_tables(judged: Sequence[EvaluationRow]) -> str:
    """Return a table for all that can be compared: one line per mechanism, the leakiest first."""
    groups = comparable(judged)
    tables = []
    for title, entries in zip(titled(groups), groups, strict=True):
        if same_instance(entries) and entries[0].run_label:
            title = f"{title}, {entries[0].instance}"
        tables.append("\n".join([title, "", *align_columns(table(entries))]))
    legend = [line for what, line in LEGEND.items() if any(what in table for table in tables)]
    return "\n\n".join([*tables, "\n".join([INTERVALS_NOTE, *legend])])


def table(entries: Sequence[EvaluationRow]) -> list[list[str]]:
    """Return rows of one group: all runs, then what bounds them; columns that anybody has."""
    measure = leading_measure([entry.evaluation for entry in entries])
    columns = columns_of(measure)
    rows = [["", *columns.values()]]
    names = [
        entry.mechanism if same_instance(entries) else f"{entry.mechanism} {entry.instance}".strip()
        for entry in entries
    ]
    by_leak = sorted(
        zip(entries, names, strict=True),
        key=lambda pair: pair[0].value(measure) or 0.0,
        reverse=True,
    )
    for entry, name in by_leak:
        told_apart = f"{name}  {entry.folder.path}" if names.count(name) > 1 else name
        cells = line(entry.evaluation.measures, "censored", measure)
        if exceeds_budget(entry.evaluation, entry.budget):
            cells[list(columns).index("distortion")] += OVER
        rows.append([told_apart, *cells])
    bounds = entries[0].evaluation.measures
    for bound in ("original", "correlation_baseline", "majority_baseline"):
        rows.append([f"({bound.replace('_', ' ')})", *line(bounds, bound, measure)])
    if least := entries[0].evaluation.least_distortion:
        distortions = {"distortion": METRICS["distortion"].format_value(least["hidden"])}
        rows.append(["(hidden)", *(distortions.get(key, "-") for key in columns)])
    return without_blank_columns(rows)


def without_blank_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return rows without columns that have a name and nothing else."""
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) != {"-"}]
    return [list(row) for row in zip(*columns, strict=True)]


def same_instance(entries: Sequence[EvaluationRow]) -> bool:
    """Tell whether all have one budget and seed."""
    return len({entry.run_label for entry in entries}) == 1


def columns_of(measure: str) -> dict[str, str]:
    """Return the columns' headings, that of the measure by which most leaks first."""
    if measure == ACCURACY:
        return COLUMNS
    return {measure: f"most by {METRICS[measure].title}"} | {
        name: heading for name, heading in COLUMNS.items() if name != measure
    }


def line(measures: Mapping[str, Measure], column: str, leading: str) -> list[str]:
    """Return a line's cells."""
    told = (leading, *WITH_INTERVALS)
    return [
        format_cell(name, getattr(measures[name], column), column == "censored" and name in told)
        if name in measures
        else "-"
        for name in columns_of(leading)
    ]
