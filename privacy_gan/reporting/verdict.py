"""What an evaluation says, in words that follow from its intervals: a sentence, and a verdict."""

from __future__ import annotations

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import (
    budget_in,
    cost,
    digits,
    distortions_in,
    excess,
    missed_line,
    missed_lines,
)
from privacy_gan.reporting.leakage import (
    ACCURACY,
    Leak,
    leading_leak,
    leaks_by_measure,
    missing_measures,
)
from privacy_gan.runs.result import Estimate, Evaluation, Result


def summary_sentences(result: Result, mechanism: str) -> list[str]:
    """Return a sentence for each attribute that a run hides.

    Args:
        result: of the run.
        mechanism: what it is called.
    """
    budget = budget_in(result.fingerprint)
    if not result.evaluations:
        return [not_judged(result, mechanism, budget)]
    return [summary_sentence(of, mechanism, budget) for of in result.evaluations.values()]


def summary_sentence(evaluation: Evaluation, mechanism: str, budget: float | None) -> str:
    """Return what still leaks, led by the measure by which most does, and at what cost.

    Args:
        evaluation: of one attribute.
        mechanism: who hides it; "" for images that were censored elsewhere.
        budget: of distortion, None where nobody promised one.
    """
    by = f", hidden by {mechanism}," if mechanism else ""
    parts = [what_leaks(evaluation, by), cost(evaluation, budget), what_is_left(evaluation)]
    return f"{'; '.join(filter(None, parts))}."


def what_leaks(evaluation: Evaluation, by: str) -> str:
    """Return what adversaries tell of the attribute."""
    leak, name = leading_leak(evaluation), evaluation.attribute
    if leak.is_found:
        told = f"{name}{by} still leaks: an adversary tells it with {achieved(leak)}"
        if leak.measure == ACCURACY:
            return told
        accuracy = leaks_by_measure(evaluation)[ACCURACY]
        shown = accuracy.metric.format_value
        return (
            f"{told}; accuracy {shown(accuracy.told.value)} ({shown(accuracy.guess)} by guessing)"
        )
    if not is_told_of_originals(evaluation):
        return (
            f"whether {name}{by} leaks is unknown: the adversaries do not tell it of the original "
            f"images either, with {achieved(leak)}"
        )
    return f"{name}{by} was not found: adversaries get no further than {achieved(leak)}"


def achieved(leak: Leak) -> str:
    """Return a measure's value with its name, beside guessing and original images."""
    show = leak.metric.format_value
    bounds = f"{show(leak.guess)} by guessing"
    if leak.original is not None:
        bounds += f", {show(leak.original.value)} on the original images"
    value, title = show(leak.told.value), leak.metric.title
    told = {
        ACCURACY: f"{value} accuracy",
        "balanced_accuracy": f"{value} {title}",
        "leaked_bits": f"{value} {title}",
    }.get(leak.measure, f"a {title} of {value}")
    return f"{told} ({bounds})"


def is_told_of_originals(evaluation: Evaluation) -> bool:
    """Tell whether adversaries learn the attribute of original images by any measure."""
    return any(leak.is_told_of_originals for leak in leaks_by_measure(evaluation).values())


def what_is_left(evaluation: Evaluation) -> str:
    """Return what is left for everyone else, "" where nobody measured it."""
    metric = METRICS["utility_score"]
    score = evaluation.measures.get(metric.name)
    if score is None or score.censored is None:
        return ""
    known = score.original
    of = "" if known is None else f" ({metric.format_value(known.value)} on the original images)"
    return f"{metric.title} {metric.format_value(score.censored.value)}{of}"


def not_judged(result: Result, mechanism: str, budget: float | None) -> str:
    """Return what is known of a run that nobody judged."""
    attribute = result.fingerprint.get("attribute", "the attribute")
    told = f"{attribute}, hidden by {mechanism}: nobody judged what still leaks"
    distortions = distortions_in(result.training)
    if not distortions or budget is None:
        return f"{told}."
    last = list(distortions.values())[-1]  # of what is released
    over = f", {excess(last, budget)} it" if last > budget else ""
    return f"{told}; distortion {digits(last)} of validation images, budget {budget:g}{over}."


def run_verdict(result: Result) -> list[str]:
    """Return what a run's evaluations say of each hidden attribute, and whether it kept its budget.

    Returns:
        Lines; none but those on the budget where nobody judged the run.
    """
    found = [line for of in result.evaluations.values() for line in verdict(of)]
    return [*found, *missed_lines(result)]


def verdict(evaluation: Evaluation, budget: float | None = None) -> list[str]:
    """Return what adversaries tell of the attribute: whether it leaks, and how that is known.

    It leaks where the whole interval of one of their measures lies above what guessing achieves.
    The measure by which most leaks comes first: where one value of the attribute is frequent, an
    adversary may know much and still be right as often as who guesses.

    Args:
        evaluation: what the judge found.
        budget: epsilon, to be held against the distortion; None leaves that out.
    """
    leak, name = leading_leak(evaluation), evaluation.attribute
    who = f"an adversary who has {evaluation.images['train']:,} labelled images of yours"
    missed = missed_line(evaluation, budget)
    notes = [*unmeasured(evaluation), *([missed] if missed else [])]
    if leak.is_found:
        return [
            f"{name} leaks: {who}{versions(evaluation, leak)} tells it {beside_guessing(leak)}",
            *by_accuracy(evaluation, leak),
            *of_originals(leak),
            *notes,
        ]
    found = f"{who} tells it {beside_guessing(leak)}"
    if not is_told_of_originals(evaluation):
        return [
            f"nothing can be said about {name}: {found}; but neither do the same adversaries tell "
            "it of the originals: let them learn longer (judge.epochs) or from more images",
            *notes,
        ]
    return [
        f"{name} was not found: {found}",
        *of_originals(leak),
        f"that is no proof: with {evaluation.images['test']:,} test images as much as "
        f"{leak.metric.format_value(leak.told.high)} is possible, and adversaries with more images, "
        "more time or other ideas may find more",
        *notes,
    ]


def beside_guessing(leak: Leak) -> str:
    """Return what the adversary achieves, with its interval, beside guessing."""
    return f"{how(leak, leak.told)}, {leak.metric.format_value(leak.guess)} by guessing"


def how(leak: Leak, estimate: Estimate) -> str:
    """Return how well the attribute is told by a measure, which it names, with the interval."""
    value, title = leak.metric.format_value(estimate.value), leak.metric.title
    told = {
        ACCURACY: f"in {value} of images",
        "leaked_bits": f"with {value} {title}",
    }.get(leak.measure, f"with a {title} of {value}")
    return f"{told} {interval(leak.measure, estimate)}"


def interval(measure: str, estimate: Estimate) -> str:
    """Return an estimate's interval, in brackets."""
    show = METRICS[measure].format_value
    return f"(95% interval {show(estimate.low).rstrip('%')} to {show(estimate.high)})"


def by_accuracy(evaluation: Evaluation, leak: Leak) -> list[str]:
    """Return what the paper's measure says, where another one leads."""
    if leak.measure == ACCURACY:
        return []
    accuracy = leaks_by_measure(evaluation)[ACCURACY]
    alone = "" if accuracy.is_found else ": that alone would not show the leak"
    return [f"by accuracy, the paper's measure, it is told {beside_guessing(accuracy)}{alone}"]


def of_originals(leak: Leak) -> list[str]:
    """Return what the same adversaries tell of uncensored images, where that is known."""
    if leak.original is None:
        return []
    return [f"of the originals the same adversaries tell it {how(leak, leak.original)}"]


def unmeasured(evaluation: Evaluation) -> list[str]:
    """Return what an old result does not say, where accuracy alone may hide a leak."""
    lacking = [METRICS[name].title for name in missing_measures(evaluation)]
    if not lacking:
        return []
    return [
        f"this result lacks {' and '.join(lacking)}, by which a leak may show that accuracy hides "
        "where one value is frequent: judge it again"
    ]


def versions(evaluation: Evaluation, leak: Leak) -> str:
    """Return how many censored versions of an image the strongest adversary saw, if several."""
    who = evaluation.strongest.get(leak.metric.score_name)
    several = 1 if who is None else who.queries
    return f", and sees {several} censored versions of each image," if several > 1 else ""


def format_share(estimate: Estimate, of: str = "images") -> str:
    """Return a share with its interval."""
    return f"{estimate.value:.1%} of {of} {interval(ACCURACY, estimate)}"
