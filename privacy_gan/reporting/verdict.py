"""What an evaluation says, in plain words that follow from its intervals."""

from __future__ import annotations

from privacy_gan.runs.result import Estimate, Evaluation, Measure


def verdict_lines(evaluation: Evaluation) -> list[str]:
    """Return what adversaries tell of the attribute: whether it leaks, and how that is known.

    It leaks where the whole interval of the strongest adversary's accuracy lies above what guessing
    achieves, or that of its ROC AUC above one half: where one value of the attribute is frequent,
    an adversary may know much and still guess as everyone does.
    """
    name = evaluation.attribute
    told, ranked = evaluation.measures["privacy_loss"], evaluation.measures["auroc"]
    assert told.censored is not None, "an accuracy is always defined"
    who = f"an adversary who has {evaluation.images['train']:,} labelled images of yours"
    guessing = f"{percent(guessed(told))} by guessing"
    if told.censored.low > guessed(told):
        found = f"{who}{versions(evaluation)} tells it in {share(told.censored)}, {guessing}"
        return [f"{name} leaks: {found}", *of_originals(told)]
    if is_above_half(ranked.censored):
        found = (
            f"{who} tells it no better than by guessing ({share(told.censored)}, {guessing}), but "
            f"{ranking(evaluation, ranked.censored)}"
        )
        return [f"{name} leaks: {found}", *of_originals(told)]
    found = f"{who} tells it in {share(told.censored)}, {guessing}"
    if not tells_originals(told, ranked):
        return [
            f"nothing can be said about {name}: {found}; but neither do the same adversaries tell "
            "it of the originals: let them learn longer (judge.epochs) or from more images"
        ]
    return [
        f"{name} was not found: {found}",
        *of_originals(told),
        f"that is no proof: with {evaluation.images['test']:,} test images as much as "
        f"{percent(told.censored.high)} is possible, and adversaries with more images, more time "
        "or other ideas may find more",
    ]


def guessed(told: Measure) -> float:
    """Return how often always naming the most frequent value is right."""
    assert told.prior is not None, "an accuracy is always defined"
    return told.prior.value


def tells_originals(told: Measure, ranked: Measure) -> bool:
    """Tell whether the adversaries learn the attribute of uncensored images, as far as is known."""
    if told.original is None:
        return True
    return told.original.low > guessed(told) or is_above_half(ranked.original)


def is_above_half(ranked: Estimate | None) -> bool:
    """Tell whether images are put in an order that is better than chance."""
    return ranked is not None and ranked.low > 0.5


def versions(evaluation: Evaluation) -> str:
    """Return how many censored versions of an image the strongest adversary saw, if several."""
    queries = evaluation.strongest["accuracy"].queries
    return f", and sees {queries} censored versions of each image," if queries > 1 else ""


def ranking(evaluation: Evaluation, ranked: Estimate | None) -> str:
    """Return what a ROC AUC means."""
    assert ranked is not None, "it is above a half"
    if len(evaluation.classes) > 2:
        return f"knows which values are likelier (ROC AUC {ranked.value:.3f})"
    return f"of two images that differ in it says which is which in {share(ranked, 'cases')}"


def of_originals(told: Measure) -> list[str]:
    """Return what the same adversaries tell of uncensored images, where that is known."""
    if told.original is None:
        return []
    return [f"of the originals the same adversaries tell it in {share(told.original)}"]


def share(estimate: Estimate, of: str = "images") -> str:
    """Return a share with its interval."""
    low, high = percent(estimate.low).rstrip("%"), percent(estimate.high)
    return f"{percent(estimate.value)} of {of} (95% interval {low} to {high})"


def percent(value: float) -> str:
    """Return a share in percent."""
    return f"{value:.1%}"
