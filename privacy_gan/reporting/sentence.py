"""A run in one sentence: what was hidden, what still leaks, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping

from privacy_gan.reporting.budget import budget_of, cost, digits, distortions_in, excess
from privacy_gan.reporting.leading import ACCURACY, Leak, leading, leaks
from privacy_gan.reporting.summary import name_of, shown
from privacy_gan.runs.result import Evaluation, Measure, Result


def sentences(result: Result, mechanism: str) -> list[str]:
    """Return a sentence for each attribute that a run hides.

    Args:
        result: of the run.
        mechanism: what it is called; "" for images that were censored elsewhere.
    """
    budget = budget_of(result)
    if not result.evaluations:
        return [not_judged(result, mechanism, budget)]
    return [sentence(of, mechanism, budget) for of in result.evaluations.values()]


def sentence(evaluation: Evaluation, mechanism: str, budget: float | None) -> str:
    """Return what an evaluation says, led by the measure by which most leaks.

    Args:
        evaluation: of one attribute.
        mechanism: who hides it; "" for images that were censored elsewhere.
        budget: of distortion, None where nobody promised one.
    """
    by = f", hidden by {mechanism}," if mechanism else ""
    parts = [what_leaks(evaluation, by), cost(evaluation, budget), utility(evaluation.measures)]
    return f"{'; '.join(filter(None, parts))}."


def what_leaks(evaluation: Evaluation, by: str) -> str:
    """Return what adversaries tell of the attribute."""
    leak, name = leading(evaluation), evaluation.attribute
    accuracy = leaks(evaluation)[ACCURACY]
    also = "" if leak.measure == ACCURACY else f"; {beside(accuracy)}"
    if leak.is_found:
        return f"{name}{by} still leaks: an adversary tells it with {achieved(leak)}{also}"
    if not any(each.is_told_of_originals for each in leaks(evaluation).values()):
        return (
            f"whether {name}{by} leaks is unknown: the adversaries do not tell it of the original "
            f"images either, with {achieved(leak)}"
        )
    return f"{name}{by} was not found: adversaries get no further than {achieved(leak)}"


def achieved(leak: Leak) -> str:
    """Return a measure's value with its name, beside guessing and original images."""
    bounds = f"{shown(leak.measure, leak.guess)} by guessing"
    if leak.original is not None:
        bounds += f", {shown(leak.measure, leak.original.value)} on the original images"
    value = shown(leak.measure, leak.told.value)
    told = {
        ACCURACY: f"{value} accuracy",
        "balanced_accuracy": f"{value} balanced accuracy",
        "leaked_bits": f"{value} leaked bits",
    }.get(leak.measure, f"a {name_of(leak.measure)} of {value}")
    return f"{told} ({bounds})"


def beside(accuracy: Leak) -> str:
    """Return the paper's measure, where another one leads."""
    return f"accuracy {accuracy.told.value:.1%} ({accuracy.guess:.1%} by guessing)"


def utility(measures: Mapping[str, Measure]) -> str:
    """Return what is left for everyone else, "" where nobody measured it."""
    score = measures.get("utility_score")
    if score is None or score.censored is None:
        return ""
    of = "" if score.original is None else f" ({score.original.value:.1%} on the original images)"
    return f"utility score {score.censored.value:.1%}{of}"


def not_judged(result: Result, mechanism: str, budget: float | None) -> str:
    """Return what is known of a run that nobody judged."""
    attribute = result.identity.get("attribute", "the attribute")
    told = f"{attribute}, hidden by {mechanism}: nobody judged what still leaks"
    distortions = distortions_in(result.training)
    if not distortions or budget is None:
        return f"{told}."
    last = list(distortions.values())[-1]  # of what is released
    over = f", {excess(last, budget)} it" if last > budget else ""
    return f"{told}; distortion {digits(last)} of validation images, budget {budget:g}{over}."
