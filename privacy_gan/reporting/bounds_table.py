"""Runs with a certificate: what is found from below, and what none exceeds, in a table.

The truth lies between the two, so that the table tests the adversaries, too: see
experiment=judge_check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from privacy_gan.plural import pluralize
from privacy_gan.reporting.cells import align_columns, measure_cell
from privacy_gan.reporting.certificate import CONFIDENCE, share_text
from privacy_gan.reporting.lower_bounds import bound_notes
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import Panel
from privacy_gan.runs.estimate import Estimate

BALANCED = "balanced_accuracy"  # both a metric and a score of a certificate
HEADINGS = (
    *("hidden", "codewords", "distortion", "table finds", "adversaries find", "at most"),
    *("accuracy at most", "utility"),
)
NOTES = (
    "balanced accuracy, except where accuracy is named; what the table finds and the bounds are "
    "from the images of the certificate, what the adversaries find from the test images",
    "table: the value that is most frequent with a codeword among others' images, where codewords "
    "are released; at most: no adversary exceeds it, with 95% confidence for each row alone, and "
    "not for a row that is chosen by it",
)


def certified(panels: Iterable[Panel]) -> list[tuple[str, EvaluationRow]]:
    """Return the entries that have a certificate, and a name of each."""
    return [
        (curve.name if len(curve.entries) == 1 else f"{curve.name} {entry.run_label}", entry)
        for panel in panels
        for curve in panel.curves
        for entry in curve.entries
        if entry.evaluation.certificate is not None
    ]


def bounds_rows(entries: Sequence[tuple[str, EvaluationRow]]) -> list[list[str]]:
    """Return a table's rows: the headings, then a row for each entry; none without entries."""
    return [["", *HEADINGS], *(bounds_row(*each) for each in entries)] if entries else []


def bounds_row(name: str, entry: EvaluationRow) -> list[str]:
    """Return the row of an entry that has a certificate."""
    evaluation = entry.evaluation
    certificate = evaluation.certificate
    assert certificate is not None
    bounds, found = certificate.bounds[CONFIDENCE], table_balanced_accuracy(entry)
    distortion = measure_cell(evaluation, "distortion", "censored", interval=False)
    return [
        name,
        evaluation.attribute,
        f"{certificate.num_outcomes:,}",
        distortion,
        "-" if found is None else share_text(found),
        measure_cell(evaluation, BALANCED, "censored", interval=True),
        f"{bounds[BALANCED].value:.1%}",
        f"{bounds['accuracy'].value:.1%}",
        measure_cell(evaluation, "utility_score", "censored", interval=False)
        if "utility_score" in evaluation.measures
        else "-",
    ]


def bounds_notes(entries: Sequence[tuple[str, EvaluationRow]]) -> list[str]:
    """Return what the table's columns mean, and how the adversaries compare, as lines."""
    if not entries:
        return []
    text = "\n".join(cell for row in bounds_rows(entries) for cell in row)
    return [*NOTES, *check_lines(entries), *bound_notes(text)]


def check_lines(entries: Sequence[tuple[str, EvaluationRow]]) -> list[str]:
    """Return whether adversaries find what the table finds, where there is one, as a line."""
    known = [each for each in entries if table_balanced_accuracy(each[1]) is not None]
    if not known:
        return []
    missed = [f"{name}, {entry.attribute}" for name, entry in known if adversaries_miss(entry)]
    if not missed:
        return ["in no row do adversaries find less than the table, by more than both intervals"]
    return [
        f"in {len(missed)} of {pluralize(len(known), 'row')}, adversaries find less than the "
        f"table, by more than both intervals: they miss part of the leak ({'; '.join(missed)})"
    ]


def adversaries_miss(entry: EvaluationRow) -> bool:
    """Return whether the interval of the adversaries is below that of the table."""
    found, measured = table_balanced_accuracy(entry), entry.evaluation.measures[BALANCED].censored
    return found is not None and measured is not None and measured.high < found.low


def table_balanced_accuracy(entry: EvaluationRow) -> Estimate | None:
    """Return what the table of codewords finds; None if it is not known."""
    certificate = entry.evaluation.certificate
    return None if certificate is None else certificate.found.get(BALANCED)


def bounds_paragraph(panels: Iterable[Panel]) -> list[str]:
    """Return the table and its notes as a paragraph; none without certificates."""
    entries = certified(panels)
    if not entries:
        return []
    return ["\n".join([*align_columns(bounds_rows(entries)), *bounds_notes(entries)])]
