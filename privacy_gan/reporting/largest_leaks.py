"""The run with the largest leak of each mechanism, of which a report shows more than of others."""

from __future__ import annotations

from collections.abc import Iterable

from privacy_gan.reporting.leakage import leading_leak
from privacy_gan.reporting.records import EvaluationRow


def largest_leaks(entries: Iterable[EvaluationRow]) -> list[EvaluationRow]:
    """Return one evaluation for each mechanism and hidden attribute: that with the largest leak.

    Leaks are compared by the lower end of the normalized gain, see ``leading_leak``.
    """
    largest: dict[tuple[str, ...], EvaluationRow] = {}
    for entry in entries:
        key = (*entry.data, entry.attribute, entry.mechanism)
        if key not in largest or gain_of(entry) > gain_of(largest[key]):
            largest[key] = entry
    return list(largest.values())


def gain_of(entry: EvaluationRow) -> float:
    """Return the lower end of the normalized gain in the metric with the largest leak."""
    return leading_leak(entry.evaluation).gain_low


def run_title(entry: EvaluationRow) -> str:
    """Return a title such as "Smiling in celeba-32, blur epsilon-0.01 seed-0"."""
    run = f"{entry.mechanism} {entry.run_label}".strip()
    return f"{entry.attribute} in {entry.data[0]}, {run}"
