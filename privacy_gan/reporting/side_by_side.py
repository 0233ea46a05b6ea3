"""Finished runs side by side: what leaks of each, and what is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from privacy_gan.errors import UserError
from privacy_gan.summary import FIVE_DIGITS, PERCENT, THREE_DIGITS, aligned, cell

COLUMNS = {
    "privacy_loss": ("adversary", PERCENT),
    "leaked_bits": ("leaked bits", THREE_DIGITS),
    "utility_score": ("utility score", PERCENT),
    "success_rate": ("success rate", PERCENT),
    "distortion": ("distortion", FIVE_DIGITS),
}


def compare_runs(folder: Path) -> str:
    """Return a table for each hidden attribute, a line a run, the run that leaks most first.

    Raises:
        UserError: there are no judged runs, or a result is unreadable.
    """
    judged = [entry for path in sorted(folder.rglob("result.json")) for entry in read_result(path)]
    if not judged:
        raise UserError(f"no judged run lies below {folder}")
    attributes = dict.fromkeys(evaluation["attribute"] for _, evaluation in judged)
    tables = [
        table(attribute, [entry for entry in judged if entry[1]["attribute"] == attribute])
        for attribute in attributes
    ]
    return "\n\n".join("\n".join(aligned(rows)) for rows in tables)


def read_result(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return what a result file says of each attribute that its run hides, and who hides it.

    Raises:
        UserError: it is unreadable.
    """
    name = named(path.parent)
    try:
        record = json.loads(path.read_text())
        found = [(name, evaluation) for evaluation in record["evaluations"].values()]
        alone = (record["baseline"] or {}).values()
        return found + [(f"{name}, its filter alone", evaluation) for evaluation in alone]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is unreadable ({error}): delete it") from error


def table(attribute: str, judged: list[tuple[str, dict[str, Any]]]) -> list[list[str]]:
    """Return rows of one attribute: all runs, then what bounds them."""
    rows = [[attribute, *(name for name, _ in COLUMNS.values())]]
    for name, found in sorted(judged, key=leak, reverse=True):
        measures = found["measures"]
        rows.append([name, *line(measures, "censored", interval=True)])
    bounds = judged[0][1]["measures"]
    for bound in ("original", "floor", "prior"):
        rows.append([f"({bound})", *line(bounds, bound, interval=False)])
    return rows


def leak(judged: tuple[str, dict[str, Any]]) -> float:
    """Return a run's privacy loss."""
    return float(judged[1]["measures"]["privacy_loss"]["censored"]["value"])


def named(run: Path) -> str:
    """Return what tells a run from others: its mechanism, budget and seed."""
    return " ".join([run.parts[-4], *run.parts[-2:]]) if len(run.parts) > 3 else str(run)


def line(measures: dict[str, Any], column: str, interval: bool) -> list[str]:
    """Return a line's cells."""
    return [
        cell(measures[key][column], show, interval) if key in measures else "-"
        for key, (_, show) in COLUMNS.items()
    ]
