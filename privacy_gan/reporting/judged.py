"""What a result says of one mechanism and one attribute, and which of them can be compared."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from privacy_gan.reporting.budget import budget_in
from privacy_gan.reporting.mechanism import mechanism_of
from privacy_gan.reporting.reading import FinishedRun
from privacy_gan.reporting.sentence import sentence
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Evaluation

AUDITED = "audit.images"  # in an audit's identity, which folder it was about
NO_BUDGET = math.nan  # of images that were censored elsewhere


@dataclass(frozen=True)
class Judged:
    """One mechanism, judged for one attribute; or images that were censored elsewhere.

    Attributes:
        folder: of its run.
        mechanism: what it is called.
        instance: its budget and seed.
        data: what the images are called, and a key that tells these from all others.
        identity: what decided the run's outcome, by dotted path.
        evaluation: what the judge found.
        is_baseline: whether it is the filter alone, of a mechanism that has more.
    """

    folder: RunFolder
    mechanism: str
    instance: str
    data: tuple[str, str]
    identity: dict[str, Any]
    evaluation: Evaluation
    is_baseline: bool

    @property
    def attribute(self) -> str:
        """The hidden one."""
        return self.evaluation.attribute

    @property
    def epsilon(self) -> float:
        """The distortion budget."""
        epsilon = self.identity["epsilon"]
        return NO_BUDGET if epsilon is None else float(epsilon)

    @property
    def budget(self) -> float | None:
        """The distortion budget, None where there is none."""
        return budget_in(self.identity)

    @property
    def sentence(self) -> str:
        """What was hidden, what still leaks, and at what cost."""
        if not self.is_audit:
            return sentence(self.evaluation, f"{self.mechanism} ({self.instance})", self.budget)
        return f"{self.mechanism}: {sentence(self.evaluation, '', None)}"

    @property
    def is_audit(self) -> bool:
        """Whether the images were censored elsewhere."""
        return AUDITED in self.identity

    @property
    def seed(self) -> int:
        """The training's."""
        return int(self.identity["seed"])

    @property
    def settings(self) -> dict[str, Any]:
        """How it was judged; seeds differ without making another measure of it."""
        settings = self.evaluation.settings
        return {key: value for key, value in settings.items() if key != "judge.seed"}

    @property
    def setup(self) -> dict[str, Any]:
        """How it was made, but for budget and seed."""
        return setup_of(self.identity)

    def value(self, measure: str, column: str = "censored") -> float | None:
        """Return a measure's value, None where it was not taken or is not defined."""
        found = self.evaluation.measures.get(measure)
        estimate = None if found is None else getattr(found, column)
        return None if estimate is None else float(estimate.value)

    @property
    def on_celeba(self) -> bool:
        """Whether the data are the paper's, whatever their size and number."""
        return self.data[0].startswith("celeba-")


def setup_of(identity: dict[str, Any]) -> dict[str, Any]:
    """Return what decided a run's outcome but for budget and seed, wherever these are named."""
    return {
        key: value
        for key, value in identity.items()
        if key.rpartition(".")[2] not in ("epsilon", "seed")
    }


def all_judged(runs: Sequence[FinishedRun]) -> list[Judged]:
    """Return what results say of each attribute that their runs hide, and who hides it."""
    return [entry for run in runs for entry in judged_in(run)]


def judged_in(run: FinishedRun) -> list[Judged]:
    """Return what one result says; nothing where its run was not judged."""
    result = run.result
    data = (result.data, str(result.identity["data.key"]))
    name, instance = mechanism_of(run.folder, result), instance_of(result.identity)
    if (audited := result.identity.get(AUDITED)) is not None:
        name, instance = f"audit of {audited}", ""
    if len(result.evaluations) > 1:  # a stack, which hides them all
        name += f" ({' and '.join(result.evaluations)})"
    both = [(name, result.evaluations), (f"{name}, its filter alone", result.baseline)]
    return [
        Judged(run.folder, who, instance, data, result.identity, evaluation, of is result.baseline)
        for who, of in both
        for evaluation in (of or {}).values()
    ]


def instance_of(identity: dict[str, Any]) -> str:
    """Return what tells a run from others of its mechanism: its budget and seed."""
    epsilon = identity["epsilon"]
    budget = "" if epsilon is None else f"epsilon-{epsilon} "
    return f"{budget}seed-{identity['seed']}"


def budget_text(epsilon: float) -> str:
    """Return a budget as it is written."""
    return "-" if math.isnan(epsilon) else f"{epsilon:g}"


def at_budget(epsilon: float) -> str:
    """Return under which budget something was done, in words."""
    return "without a budget" if math.isnan(epsilon) else f"at epsilon {epsilon:g}"


def comparable(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Return groups in which numbers can be compared.

    Their mechanisms hide the same attribute in the same images and were judged in the same way.
    """
    groups: dict[tuple[str, ...], list[Judged]] = {}
    for entry in judged:
        how = json.dumps(entry.settings, sort_keys=True)
        groups.setdefault((*entry.data, entry.attribute, how), []).append(entry)
    return list(groups.values())


def titled(groups: Sequence[Sequence[Judged]]) -> list[str]:
    """Return a title for each group: its data and attribute, and what tells it from its like."""
    titles = []
    for entries in groups:
        first = entries[0]
        name, key = first.data
        title = f"{first.attribute} in {name}"
        alike = [
            other[0]
            for other in groups
            if other is not entries
            and other[0].data[0] == name
            and other[0].attribute == first.attribute
        ]
        if any(other.data[1] != key for other in alike):
            title += f" ({key[:8]})"
        if told := differences(first.settings, [other.settings for other in alike]):
            title += f", judged with {told}"
        titles.append(title)
    return titles


def differences(settings: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    """Return in which settings one differs from some others, in words; "" where in none."""
    differing = sorted(
        {
            key
            for other in others
            for key in settings | other
            if settings.get(key) != other.get(key, None)
        },
        key=lambda key: (key.count("."), key),  # the general ones first
    )
    told = [f"{key}={settings.get(key, 'unset')}" for key in differing[:3]]
    more = f" and {len(differing) - 3} more settings" if len(differing) > 3 else ""
    return f"{', '.join(told)}{more}"
