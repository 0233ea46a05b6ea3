"""Cells of tables: values with intervals and bounds, names of metrics, aligned columns."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_gan.evaluation.metrics import find_metric
from privacy_gan.reporting.lower_bounds import bound_prefix
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation

COLUMNS = ("censored", "original", "majority_baseline", "correlation_baseline")  # of a Measure
HEADINGS = tuple(column.replace("_", " ") for column in COLUMNS)
CEILING = "ceiling"  # column of a Measure that only utility metrics have


def has_ceiling(evaluation: Evaluation) -> bool:
    """Return whether any metric has a known ceiling."""
    return any(measure.ceiling is not None for measure in evaluation.measures.values())


def measure_label(measure: str) -> str:
    """Return a measure's title, with its object in brackets: "utility (Male)"."""
    title, key = find_metric(measure).title, measure.partition("/")[2]
    return f"{title} ({key})" if key else title


def measure_cell(evaluation: Evaluation, name: str, column: str, interval: bool) -> str:
    """Return a value of a metric that the evaluation has, "at least" if it is a lower bound.

    Args:
        evaluation: of one attribute.
        name: of the metric.
        column: an attribute of ``Measure``.
        interval: whether to add the value's interval.
    """
    prefix = bound_prefix(evaluation, name, column)
    return format_cell(name, getattr(evaluation.measures[name], column), interval, prefix)


def format_cell(measure: str, estimate: Estimate | None, interval: bool, prefix: str = "") -> str:
    """Return a value, optionally with its interval, after a prefix; "-" for None."""
    if estimate is None:
        return "-"
    show = find_metric(measure).format_value
    value = f"{prefix}{show(estimate.value)}"
    if not interval:
        return value
    return f"{value} [{show(estimate.low).rstrip('%')}, {show(estimate.high)}]"


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns, the first to the left, under a ruled header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
