"""What an evaluation says, in plain words that follow from its intervals."""

from __future__ import annotations

from privacy_gan.reporting.budget import missed_line, missed_lines
from privacy_gan.reporting.leading import ACCURACY, Leak, leading, leaks, not_measured
from privacy_gan.reporting.summary import name_of, shown
from privacy_gan.runs.result import Estimate, Evaluation, Result


def verdicts(result: Result) -> list[str]:
    """Return what a run's evaluations say of each hidden attribute, and whether it kept its budget.

    Returns:
        Lines; none but those on the budget where nobody judged the run.
    """
    found = [line for of in result.evaluations.values() for line in verdict_lines(of)]
    return [*found, *missed_lines(result)]


def verdict_lines(evaluation: Evaluation, budget: float | None = None) -> list[str]:
    """Return what adversaries tell of the attribute: whether it leaks, and how that is known.

    It leaks where the whole interval of one of their measures lies above what guessing achieves.
    The measure by which most leaks comes first: where one value of the attribute is frequent, an
    adversary may know much and still be right as often as who guesses.

    Args:
        evaluation: what the judge found.
        budget: epsilon, to be held against the distortion; None leaves that out.
    """
    leak, name = leading(evaluation), evaluation.attribute
    who = f"an adversary who has {evaluation.images['train']:,} labelled images of yours"
    missed = missed_line(evaluation, budget)
    notes = [*unmeasured(evaluation), *([missed] if missed else [])]
    if leak.is_found:
        found = f"{who}{versions(evaluation, leak)} tells it {interval_of(leak)}"
        return [f"{name} leaks: {found}", *beside(evaluation, leak), *of_originals(leak), *notes]
    found = f"{who} tells it {interval_of(leak)}"
    if not any(each.is_told_of_originals for each in leaks(evaluation).values()):
        return [
            f"nothing can be said about {name}: {found}; but neither do the same adversaries tell "
            "it of the originals: let them learn longer (judge.epochs) or from more images",
            *notes,
        ]
    return [
        f"{name} was not found: {found}",
        *of_originals(leak),
        f"that is no proof: with {evaluation.images['test']:,} test images as much as "
        f"{shown(leak.measure, leak.told.high)} is possible, and adversaries with more images, "
        "more time or other ideas may find more",
        *notes,
    ]


def interval_of(leak: Leak) -> str:
    """Return what the adversary achieves, with its interval, beside guessing."""
    guess = shown(leak.measure, leak.guess)
    return f"{how(leak.measure, leak.told)}{interval(leak.measure, leak.told)}, {guess} by guessing"


def how(measure: str, estimate: Estimate) -> str:
    """Return how well an attribute is told by a measure, which it names."""
    value = shown(measure, estimate.value)
    return {
        ACCURACY: f"in {value} of images",
        "leaked_bits": f"with {value} leaked bits",
    }.get(measure, f"with a {name_of(measure)} of {value}")


def interval(measure: str, estimate: Estimate) -> str:
    """Return an estimate's interval, in brackets."""
    low, high = shown(measure, estimate.low).rstrip("%"), shown(measure, estimate.high)
    return f" (95% interval {low} to {high})"


def beside(evaluation: Evaluation, leak: Leak) -> list[str]:
    """Return what the paper's measure says, where another one leads."""
    if leak.measure == ACCURACY:
        return []
    accuracy = leaks(evaluation)[ACCURACY]
    alone = "" if accuracy.is_found else ": that alone would not show the leak"
    return [f"by accuracy, the paper's measure, it is told {interval_of(accuracy)}{alone}"]


def of_originals(leak: Leak) -> list[str]:
    """Return what the same adversaries tell of uncensored images, where that is known."""
    if leak.original is None:
        return []
    told = f"{how(leak.measure, leak.original)}{interval(leak.measure, leak.original)}"
    return [f"of the originals the same adversaries tell it {told}"]


def unmeasured(evaluation: Evaluation) -> list[str]:
    """Return what an old result does not say, where accuracy alone may hide a leak."""
    lacking = [name_of(name) for name in not_measured(evaluation)]
    if not lacking:
        return []
    return [
        f"this result lacks {' and '.join(lacking)}, by which a leak may show that accuracy hides "
        "where one value is frequent: judge it again"
    ]


def versions(evaluation: Evaluation, leak: Leak) -> str:
    """Return how many censored versions of an image the strongest adversary saw, if several."""
    score = "accuracy" if leak.measure == ACCURACY else leak.measure
    who = evaluation.strongest.get(score)
    several = 1 if who is None else who.queries
    return f", and sees {several} censored versions of each image," if several > 1 else ""


def share(estimate: Estimate, of: str = "images") -> str:
    """Return a share with its interval."""
    low, high = percent(estimate.low).rstrip("%"), percent(estimate.high)
    return f"{percent(estimate.value)} of {of} (95% interval {low} to {high})"


def percent(value: float) -> str:
    """Return a share in percent."""
    return f"{value:.1%}"
