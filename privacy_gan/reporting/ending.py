"""What a terminal shows when a run ends: one sentence, a short table, and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from privacy_gan.reporting.budget import budget_of, missed_lines
from privacy_gan.reporting.leading import MEASURES, leading
from privacy_gan.reporting.mechanism import mechanism_of
from privacy_gan.reporting.sentence import sentence, sentences
from privacy_gan.reporting.summary import aligned, cell, name_of, shown, summary
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import ENDED_AFTER, Evaluation, Result

# what a short table shows after what leaks; the other measures are details
COST = (
    "utility_score",
    "retrained_utility_score",
    "success_rate",
    "distortion",
    "batches_over_budget",
)
COLUMNS = {"censored": "censored", "original": "original", "prior": "guessing", "floor": "floor"}
MORE = "95% intervals over test images; details=true shows all measures and every adversary"


def ending(folder: RunFolder, result: Result, details: bool) -> str:
    """Return what to tell at a run's end.

    Args:
        folder: the run's.
        result: what came out.
        details: whether all measures and adversaries are shown, not the most important ones.
    """
    mechanism = mechanism_of(folder, result)
    lines = [
        *sentences(result, mechanism),
        *(f"warning: {line}" for line in missed_lines(result)),
        "",
    ]
    if details:
        return "\n".join([*lines, summary(folder, result)])
    for evaluation in result.evaluations.values():
        lines += [*short_table(evaluation), ""]
    for evaluation in (result.baseline or {}).values():
        lines += [sentence(evaluation, f"{mechanism}'s filter alone", budget_of(result)), ""]
    if result.evaluations:
        lines.append(MORE)
    lines += [f"warning: {line}" for line in warnings_of(result)]
    pictures = sorted(folder.images.glob("*.png"))
    lines += [f"faces      {picture}" for picture in pictures[-1:]]
    lines.append(f"result     {folder.result_file}")
    return "\n".join(lines)


def short_table(evaluation: Evaluation) -> list[str]:
    """Return the measures that matter most, the one by which most leaks first."""
    first = leading(evaluation).measure
    rows = [[evaluation.attribute, *COLUMNS.values()]]
    for name in dict.fromkeys((first, *MEASURES, *COST)):
        if (measure := evaluation.measures.get(name)) is not None:
            cells = (
                cell(getattr(measure, column), partial(shown, name), column == "censored")
                for column in COLUMNS
            )
            rows.append([name_of(name), *cells])
    return aligned(rows)


def warnings_of(result: Result) -> Iterator[str]:
    """Yield what should be known before the numbers are believed, each once."""
    if (epochs := result.training.get(ENDED_AFTER)) is not None:
        asked = result.identity.get("trainer.max_epochs")
        yield f"training ended after {epochs:.4g} of {asked} epochs, by a limit or a callback"
    found = (warning for of in result.evaluations.values() for warning in of.warnings)
    yield from dict.fromkeys(found)
