"""Tables that compare finished runs: a row per mechanism, then the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.cells import CEILING, align_columns, has_ceiling, measure_cell
from privacy_gan.reporting.interval_note import interval_note
from privacy_gan.reporting.leakage import ACCURACY, leading_measure
from privacy_gan.reporting.lower_bounds import bound_notes
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import group_comparable, group_titles
from privacy_gan.reporting.run_summary import intervals_note
from privacy_gan.runs.evaluation import Evaluation

COLUMNS = {name: metric.heading for name, metric in METRICS.items() if metric.heading}
WITH_INTERVALS = ("privacy_loss", "utility_score")  # more would make the table too wide
OVER = " over"  # follows a distortion that exceeds the budget
CEILING_ROW = f"({CEILING})"
LEAST_DISTORTION = "(least distortion)"
# a text that may occur in a table, and the line that explains it
LEGEND = {
    "largest leak": (
        "largest leak: the metric in which the strongest adversary gains most over guessing"
    ),
    **{
        metric.heading: f"{metric.heading}: {metric.note}"
        for metric in METRICS.values()
        if metric.heading and metric.note
    },
    OVER: "over: above epsilon, by more than the sampling error of the test images",
    "(original)": "original: uncensored images, with the same adversaries trained on them",
    "(correlation baseline)": "correlation baseline: from the other attributes alone",
    "(majority baseline)": "majority baseline: without looking at the image",
    CEILING_ROW: "ceiling: the highest utility possible if the attribute is hidden completely",
    LEAST_DISTORTION: "least distortion: about what any mechanism needs to hide the attribute "
    "completely",
}


def comparison_tables(entries: Sequence[EvaluationRow]) -> str:
    """Return a table for each group that can be compared, the largest leak first, and a legend."""
    groups = group_comparable(entries)
    tables = []
    for title, group in zip(group_titles(groups), groups, strict=True):
        if share_run_label(group) and group[0].run_label:
            title = f"{title}, {group[0].run_label}"
        tables.append("\n".join([title, "", *align_columns(table_rows(group))]))
    text = "\n".join(tables)
    intervals = dict.fromkeys(interval_note(entry.evaluation) for entry in entries)
    legend = [
        *map(intervals_note, intervals),
        *(line for found, line in LEGEND.items() if found in text),
        *bound_notes(text),
    ]
    return "\n\n".join([*tables, "\n".join(legend)])


def table_rows(entries: Sequence[EvaluationRow]) -> list[list[str]]:
    """Return the rows of a table: a header, the entries, then originals and baselines."""
    measure = leading_measure([entry.evaluation for entry in entries])
    headings = column_headings(measure)
    rows = [["", *headings.values()]]
    names = [
        entry.mechanism
        if share_run_label(entries)
        else f"{entry.mechanism} {entry.run_label}".strip()
        for entry in entries
    ]
    by_leak = sorted(
        zip(entries, names, strict=True),
        key=lambda pair: pair[0].value(measure) or 0.0,
        reverse=True,
    )
    for entry, name in by_leak:
        label = f"{name}  {entry.folder.path}" if names.count(name) > 1 else name
        cells = format_cells(entry.evaluation, "censored", measure)
        if exceeds_budget(entry.evaluation, entry.budget):
            cells[list(headings).index("distortion")] += OVER
        rows.append([label, *cells])
    example = entries[0].evaluation  # references are the same for all entries
    for column in ("original", "correlation_baseline", "majority_baseline"):
        label = f"({column.replace('_', ' ')})"
        rows.append([label, *format_cells(example, column, measure)])
    if has_ceiling(example):
        rows.append([CEILING_ROW, *format_cells(example, CEILING, measure)])
    if least := example.least_distortion:
        distortions = {"distortion": METRICS["distortion"].format_value(least["hidden"])}
        rows.append([LEAST_DISTORTION, *(distortions.get(name, "-") for name in headings)])
    return drop_empty_columns(rows)


def drop_empty_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return rows without the columns whose cells below the header are all "-"."""
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) != {"-"}]
    return [list(row) for row in zip(*columns, strict=True)]


def share_run_label(entries: Sequence[EvaluationRow]) -> bool:
    """Return whether all entries have the same budget and seed."""
    return len({entry.run_label for entry in entries}) == 1


def column_headings(leading: str) -> dict[str, str]:
    """Return the columns' headings by metric, the leading metric first."""
    if leading == ACCURACY:
        return COLUMNS
    return {leading: f"largest leak ({METRICS[leading].title})"} | {
        name: heading for name, heading in COLUMNS.items() if name != leading
    }


def format_cells(evaluation: Evaluation, column: str, leading: str) -> list[str]:
    """Return the cells of a row; main metrics on censored images have an interval."""
    with_interval = (leading, *WITH_INTERVALS)
    return [
        measure_cell(evaluation, name, column, column == "censored" and name in with_interval)
        if name in evaluation.measures
        else "-"
        for name in column_headings(leading)
    ]
