"""Finished runs side by side: what leaks of each, and what is left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy_gan.errors import UserError
from privacy_gan.reporting.reading import results_below
from privacy_gan.reporting.summary import (
    FIVE_DIGITS,
    INTERVALS,
    PERCENT,
    THREE_DIGITS,
    aligned,
    cell,
)
from privacy_gan.runs.result import Evaluation, Measure, Result

COLUMNS = {
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
LEGEND = """\
adversary: the strongest's accuracy; normalized: (adversary - prior) / (original - prior)
the paper's way: the accuracy of one ResNet-10 that sees each image once
probing gap: bits that an adversary with one query learns beyond what the filter's own knew
retrained: utility score of a classifier that learned from censored images
original: the same adversaries trained on uncensored images
floor: from the other attributes alone; prior: without looking
hidden: the least distortion, about, at which any mechanism could hide the attribute completely"""


@dataclass(frozen=True)
class Judged:
    """One mechanism, judged for one attribute.

    Attributes:
        folder: of its run.
        mechanism: what it is called.
        instance: its budget and seed.
        data: what the images are called, and a key that tells these from all others.
        evaluation: what the judge found.
    """

    folder: Path
    mechanism: str
    instance: str
    data: tuple[str, str]
    evaluation: Evaluation

    @property
    def settings(self) -> dict[str, Any]:
        """How it was judged; seeds differ without making another measure of it."""
        settings = self.evaluation.settings
        return {key: value for key, value in settings.items() if key != "judge.seed"}

    @property
    def leak(self) -> float:
        """The privacy loss."""
        accuracy = self.evaluation.measures["privacy_loss"].censored
        assert accuracy is not None  # an accuracy is always defined
        return accuracy.value


def compare_runs(folder: Path) -> str:
    """Return a table for all that can be compared: one line per mechanism, the leakiest first.

    Mechanisms can be compared that hide the same attribute in the same images and were judged in
    the same way.

    Raises:
        UserError: there are no judged runs, or a result is unreadable or an earlier version's.
    """
    judged = [entry for path, result in results_below(folder) for entry in all_judged(path, result)]
    if not judged:
        raise UserError(f"no judged run lies below {folder}")
    groups: dict[tuple[str, ...], list[Judged]] = {}
    for entry in judged:
        how = json.dumps(entry.settings, sort_keys=True)
        groups.setdefault((*entry.data, entry.evaluation.attribute, how), []).append(entry)
    titles = titled(list(groups.values()))
    tables = [
        "\n".join([title, "", *aligned(table(entries))])
        for title, entries in zip(titles, groups.values(), strict=True)
    ]
    return "\n\n".join([*tables, f"{INTERVALS}\n{LEGEND}"])


def all_judged(folder: Path, result: Result) -> list[Judged]:
    """Return what a result says of each attribute that its run hides, and who hides it."""
    data = (result.data, str(result.identity["data.key"]))
    name, instance = named(folder)
    if len(result.evaluations) > 1:  # a stack, which hides them all
        name += f" ({' and '.join(result.evaluations)})"
    both = [(name, result.evaluations), (f"{name}, its filter alone", result.baseline)]
    return [
        Judged(folder, who, instance, data, evaluation)
        for who, evaluations in both
        for evaluation in (evaluations or {}).values()
    ]


def named(run: Path) -> tuple[str, str]:
    """Return what tells a run from others on the same data: its mechanism; its budget and seed."""
    return (run.parts[-4], " ".join(run.parts[-2:])) if len(run.parts) > 3 else (str(run), "")


def titled(groups: Sequence[Sequence[Judged]]) -> list[str]:
    """Return a title for each group: its data and attribute, and what tells it from its like."""
    titles = []
    for entries in groups:
        first = entries[0]
        name, key = first.data
        title = f"{first.evaluation.attribute} in {name}"
        if same_instance(entries) and first.instance:
            title += f", {first.instance}"
        alike = [
            other[0]
            for other in groups
            if other is not entries
            and other[0].data[0] == name
            and other[0].evaluation.attribute == first.evaluation.attribute
        ]
        if any(other.data[1] != key for other in alike):
            title += f" ({key[:8]})"
        differing = sorted(
            {
                setting
                for other in alike
                for setting in first.settings | other.settings
                if first.settings.get(setting) != other.settings.get(setting)
            }
        )
        if differing:
            told = [f"{key}={first.settings.get(key, 'unset')}" for key in differing[:3]]
            more = f" and {len(differing) - 3} more settings" if len(differing) > 3 else ""
            title += f", judged with {', '.join(told)}{more}"
        titles.append(title)
    return titles


def table(entries: Sequence[Judged]) -> list[list[str]]:
    """Return rows of one group: all runs, then what bounds them."""
    rows = [["", *(name for name, _ in COLUMNS.values())]]
    names = [
        entry.mechanism if same_instance(entries) else f"{entry.mechanism} {entry.instance}"
        for entry in entries
    ]
    by_leak = sorted(zip(entries, names, strict=True), key=lambda pair: pair[0].leak, reverse=True)
    for entry, name in by_leak:
        told_apart = f"{name}  {entry.folder}" if names.count(name) > 1 else name
        rows.append([told_apart, *line(entry.evaluation.measures, "censored")])
    bounds = entries[0].evaluation.measures
    for bound in ("original", "floor", "prior"):
        rows.append([f"({bound})", *line(bounds, bound)])
    if least := entries[0].evaluation.least_distortion:
        distortions = {"distortion": FIVE_DIGITS(least["hidden"])}
        rows.append(["(hidden)", *(distortions.get(key, "-") for key in COLUMNS)])
    return rows


def same_instance(entries: Sequence[Judged]) -> bool:
    """Tell whether all have one budget and seed."""
    return len({entry.instance for entry in entries}) == 1


def line(measures: Mapping[str, Measure], column: str) -> list[str]:
    """Return a line's cells."""
    return [
        cell(getattr(measures[key], column), show, column == "censored" and key in WITH_INTERVALS)
        if key in measures
        else "-"
        for key, (_, show) in COLUMNS.items()
    ]
