"""Finished runs side by side: what leaks of each, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from privacy_gan.reporting.budget import is_missed
from privacy_gan.reporting.judged import Judged, comparable, titled
from privacy_gan.reporting.leading import ACCURACY, leading_measure
from privacy_gan.reporting.summary import (
    FIVE_DIGITS,
    INTERVALS,
    PERCENT,
    THREE_DIGITS,
    aligned,
    cell,
    name_of,
    shown,
)
from privacy_gan.runs.result import Measure

COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "privacy_loss": ("adversary", PERCENT),
    "normalized_gain": ("normalized", PERCENT),
    "paper_privacy_loss": ("the paper's way", PERCENT),
    "leaked_bits": ("leaked bits", THREE_DIGITS),
    "probing_gap": ("probing gap", THREE_DIGITS),
    "utility_score": ("utility score", PERCENT),
    "retrained_utility_score": ("retrained", PERCENT),
    "success_rate": ("success rate", PERCENT),
    "distortion": ("distortion", FIVE_DIGITS),
}
WITH_INTERVALS = ("privacy_loss", "utility_score")  # there is no room for all
OVER = " over"  # follows a distortion
# what a line explains, and the line
LEGEND = {
    "most by": "most by: the measure by which most leaks here, of its strongest adversary",
    "adversary": "adversary: the strongest's accuracy; normalized: (adversary - prior) / "
    "(original - prior)",
    "the paper's way": "the paper's way: the accuracy of one ResNet-10 that sees each image once",
    "probing gap": "probing gap: bits that an adversary with one query learns beyond what the "
    "filter's own knew",
    "retrained": "retrained: utility score of a classifier that learned from censored images",
    OVER: "over: more than epsilon allows, and more than the choice of test images explains",
    "(original)": "original: the same adversaries trained on uncensored images",
    "(floor)": "floor: from the other attributes alone; prior: without looking",
    "(hidden)": "hidden: the least distortion, about, at which any mechanism could hide the "
    "attribute completely",
}


def side_by_side(judged: Sequence[Judged]) -> str:
    """Return a table for all that can be compared: one line per mechanism, the leakiest first."""
    groups = comparable(judged)
    tables = []
    for title, entries in zip(titled(groups), groups, strict=True):
        if same_instance(entries) and entries[0].instance:
            title = f"{title}, {entries[0].instance}"
        tables.append("\n".join([title, "", *aligned(table(entries))]))
    legend = [line for what, line in LEGEND.items() if any(what in table for table in tables)]
    return "\n\n".join([*tables, "\n".join([INTERVALS, *legend])])


def table(entries: Sequence[Judged]) -> list[list[str]]:
    """Return rows of one group: all runs, then what bounds them; columns that anybody has."""
    measure = leading_measure([entry.evaluation for entry in entries])
    columns = columns_of(measure)
    rows = [["", *(name for name, _ in columns.values())]]
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
        if is_missed(entry.evaluation, entry.budget):
            cells[list(columns).index("distortion")] += OVER
        rows.append([told_apart, *cells])
    bounds = entries[0].evaluation.measures
    for bound in ("original", "floor", "prior"):
        rows.append([f"({bound})", *line(bounds, bound, measure)])
    if least := entries[0].evaluation.least_distortion:
        distortions = {"distortion": FIVE_DIGITS(least["hidden"])}
        rows.append(["(hidden)", *(distortions.get(key, "-") for key in columns)])
    return without_blank_columns(rows)


def without_blank_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return rows without columns that have a name and nothing else."""
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) != {"-"}]
    return [list(row) for row in zip(*columns, strict=True)]


def same_instance(entries: Sequence[Judged]) -> bool:
    """Tell whether all have one budget and seed."""
    return len({entry.instance for entry in entries}) == 1


def columns_of(measure: str) -> dict[str, tuple[str, Callable[[float], str]]]:
    """Return the columns, that of the measure by which most leaks first."""
    if measure == ACCURACY:
        return COLUMNS
    first = {measure: (f"most by {name_of(measure)}", partial(shown, measure))}
    return first | {key: of for key, of in COLUMNS.items() if key != measure}


def line(measures: Mapping[str, Measure], column: str, leading: str) -> list[str]:
    """Return a line's cells."""
    told = (leading, *WITH_INTERVALS)
    return [
        cell(getattr(measures[key], column), show, column == "censored" and key in told)
        if key in measures
        else "-"
        for key, (_, show) in columns_of(leading).items()
    ]
