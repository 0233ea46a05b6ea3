"""What a report says first: a sentence for each run or, of many, for the ends of their range."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_gan.reporting.budget import is_missed
from privacy_gan.reporting.curves import Panel
from privacy_gan.reporting.leading import leading

FEW = 3  # judgements that are all told


def in_short(panels: Sequence[Panel]) -> list[str]:
    """Return sentences: what was hidden, what still leaks by the measure that says most, the cost.

    Of a panel with many judgements the one that leaks least and the one that leaks most are told,
    and which missed their budget.
    """
    return [line for panel in panels for line in of_panel(panel)]


def of_panel(panel: Panel) -> list[str]:
    """Return what is to be known first of all that can be compared."""
    entries = sorted(panel.entries, key=lambda entry: leading(entry.evaluation).certain)
    if len(entries) <= FEW:
        return [entry.sentence for entry in entries]
    missed = [entry for entry in entries if is_missed(entry.evaluation, entry.budget)]
    lines = [
        f"{panel.title}, {len(entries)} judgements.",
        f"Least leaks: {entries[0].sentence}",
        f"Most leaks: {entries[-1].sentence}",
    ]
    if missed:
        names = ", ".join(f"{entry.mechanism} {entry.instance}".strip() for entry in missed)
        lines.append(f"{len(missed)} of them did not keep their distortion budget: {names}.")
    return lines
