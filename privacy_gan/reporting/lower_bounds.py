"""Which printed values are lower bounds, because longer training may find more.

An adversary that was still learning when its training ended finds at least what was measured. So
does one without a learning curve, as in results of earlier versions. Baselines and the fixed
classifiers do not depend on how long anything was trained for the judgement.
"""

from __future__ import annotations

from collections.abc import Iterable

from privacy_gan.evaluation.metrics import find_metric, result_key
from privacy_gan.runs.evaluation import RETRAINED, Evaluation
from privacy_gan.runs.learning_curve import LearningCurve

AT_LEAST = "at least "
AT_MOST = "at most "
ABOUT = "about "
TRAINED_COLUMNS = ("censored", "original")  # of a Measure; the others are baselines
# a prefix, and the line below a table that explains it
BOUND_NOTES = {
    AT_LEAST: "at least: the networks were not done learning, or this is not known; longer "
    "training may find more",
    AT_MOST: "at most: the networks were not done learning; longer training may shorten the code",
    ABOUT: "about: relative to a value on original images that longer training may raise",
}
LIMITS = {"max_epochs": "judge.max_epochs", "max_minutes": "judge.max_minutes"}  # by ending
PAPER = "paper_privacy_loss"  # earlier versions trained its adversary like the others
NO_CURVES = "this result does not say whether its adversaries were done learning"


def bound_prefix(evaluation: Evaluation, measure: str, column: str = "censored") -> str:
    """Return what to print before a value: "at least ", "at most ", "about " or "".

    "at most " is for a length that training makes shorter. "about " is for a ratio whose
    denominator is a lower bound: longer training may raise or lower it.

    Args:
        evaluation: of the value.
        measure: its key in result.json, such as "privacy_loss" or "retrained_utility/Male".
        column: the attribute of ``Measure``: "censored", "original" or a baseline.
    """
    metric = find_metric(measure)
    if not metric.trained:
        return ""
    if metric.trained == "data scaling":
        return code_length_prefix(evaluation) if column == "censored" else ""
    if metric.relative_to_original:
        return ratio_prefix(evaluation, measure, column)
    if column not in TRAINED_COLUMNS:
        return ""
    return "" if is_done(evaluation, measure, column) else AT_LEAST


def code_length_prefix(evaluation: Evaluation) -> str:
    """Return the prefix of a code length, by the trainings on parts of the images."""
    scaling = evaluation.data_scaling
    done = scaling is not None and all(point.done for point in scaling.points[:-1])
    return "" if done else AT_MOST


def ratio_prefix(evaluation: Evaluation, measure: str, column: str) -> str:
    """Return the prefix of a ratio that is 0 for the majority baseline and 1 on original images."""
    if column in ("original", "majority_baseline"):
        return ""
    if not is_done(evaluation, measure, "original"):
        return ABOUT
    return AT_LEAST if column == "censored" and not is_done(evaluation, measure, column) else ""


def is_done(evaluation: Evaluation, measure: str, column: str) -> bool:
    """Return whether the networks behind a measure were done on censored or original images."""
    if find_metric(measure).trained == "retrained":
        return evaluation.retrained_done(column)
    if column == "original":  # results do not name the strongest adversary on original images
        return evaluation.adversaries_done(column)
    return evaluation.adversaries_done(column, score_of(measure))


def score_of(measure: str) -> str:
    """Return the score whose strongest adversary a measure describes; "" if there is none."""
    metric, key = find_metric(measure), measure.partition("/")[2]
    if metric.strongest_in or metric.per != "class":
        return metric.strongest_in or metric.score_name
    return result_key(metric.score_name, key)


def adversary_prefix(evaluation: Evaluation, adversary: str) -> str:
    """Return the prefix of the scores of one adversary on censored images, by its own curve.

    One that combines others and has no curve is done if they all are.
    """
    curve = evaluation.curves.get("censored", {}).get(adversary)
    done = evaluation.adversaries_done() if curve is None else curve.ending == "done"
    return "" if done else AT_LEAST


def joint_prefix(prefixes: Iterable[str]) -> str:
    """Return the prefix of a mean of values with these prefixes."""
    each = set(prefixes)
    return ABOUT if ABOUT in each else AT_LEAST if AT_LEAST in each else ""


def bound_notes(text: str) -> list[str]:
    """Return the explanations of the prefixes that occur in a table."""
    return [note for prefix, note in BOUND_NOTES.items() if prefix in text]


def training_lines(evaluation: Evaluation) -> list[str]:
    """Return whether the adversaries, and the retrained classifier, were done, as sentences."""
    if not any(evaluation.curves.values()):
        return [unknown_sentence(evaluation)]
    lines = [done_sentence(evaluation)] if evaluation.adversaries_done() else []
    if unfinished := unfinished_curves(evaluation):
        lines.append(unfinished_sentence(evaluation, unfinished))
    return lines


def training_length(evaluation: Evaluation) -> str:
    """Return how long each adversary was trained: "until done", or what else ended it."""
    if evaluation.adversaries_done():
        return "until it was done or others were clearly better"
    if any(evaluation.curves.values()):
        return "up to a limit, before all were done,"
    epochs = evaluation.settings.get("judge.epochs")  # of earlier versions
    return "for an unknown time" if epochs is None else f"for {count(epochs, 'epoch')}"


def unknown_sentence(evaluation: Evaluation) -> str:
    """Return that a result of an earlier version has no learning curves, and its training."""
    epochs = evaluation.settings.get("judge.epochs")
    if epochs is None:
        return NO_CURVES
    paper = "; so was that of the paper's metric" if PAPER in evaluation.measures else ""
    length = f"{count(epochs, 'epoch')} on {count(evaluation.images['train'], 'image')}"
    return f"{NO_CURVES} (trained for {length}{paper})"


def done_sentence(evaluation: Evaluation) -> str:
    """Return why the adversaries on censored images were done, and how long they were trained."""
    curves = evaluation.curves["censored"]
    stages = [
        curve.stages[-1]
        for name, curve in curves.items()
        if name != RETRAINED and curve.ending == "done" and curve.stages
    ]
    subject = f"the adversaries{in_panel(evaluation)} were done"
    if not stages:
        return f"{subject}: they are fitted in closed form"
    longest = max(stages, key=lambda stage: stage.steps)
    return (
        f"{subject}: two doublings of their training in a row gained less than the "
        f"standard error ({count(longest.epochs, 'epoch')} of "
        f"{count(evaluation.images['train'], 'image')}, {count(longest.steps, 'step')})"
    )


def in_panel(evaluation: Evaluation) -> str:
    """Return the name of the panel of adversaries in brackets; "" if it is not recorded."""
    return f" (panel: {evaluation.panel})" if evaluation.panel else ""


def unfinished_curves(evaluation: Evaluation) -> dict[tuple[str, str], list[LearningCurve]]:
    """Return the curves of those networks that a limit ended, by kind of network and images."""
    groups: dict[tuple[str, str], list[LearningCurve]] = {}
    adversaries = f"the adversaries{in_panel(evaluation)}"
    for images in ("censored", "original"):
        for name, curve in evaluation.curves.get(images, {}).items():
            kind = "the retrained classifier" if name == RETRAINED else adversaries
            if curve.ending in LIMITS:
                groups.setdefault((kind, images), []).append(curve)
    return groups


def unfinished_sentence(
    evaluation: Evaluation, groups: dict[tuple[str, str], list[LearningCurve]]
) -> str:
    """Return which networks were not done, which limit ended them, and what to do."""
    endings = {curve.ending for curves in groups.values() for curve in curves}
    limits = [
        f"{limit}={evaluation.settings[limit]}" if limit in evaluation.settings else limit
        for ending, limit in LIMITS.items()
        if ending in endings
    ]
    is_one = {kind for kind, _ in groups} == {"the retrained classifier"}
    verb, their = ("was", "its") if is_one else ("were", "their")
    return (
        f"{join_networks(groups)} {verb} not done learning when {' and '.join(limits)} ended "
        f'{their} training on {count(evaluation.images["train"], "image")}: "at least" marks '
        f"{their} values; raise {'it' if len(limits) == 1 else 'them'} to learn more"
    )


def join_networks(groups: Iterable[tuple[str, str]]) -> str:
    """Return kinds of networks with their images: "the adversaries on original images"."""
    images_of: dict[str, list[str]] = {}
    for kind, images in groups:
        images_of.setdefault(kind, []).append(images)
    kinds_of: dict[str, list[str]] = {}
    for kind, each in images_of.items():
        suffix = "" if each == ["censored"] else f" on {' and '.join(each)} images"
        kinds_of.setdefault(suffix, []).append(kind)
    return " and ".join(f"{' and '.join(kinds)}{suffix}" for suffix, kinds in kinds_of.items())


def count(number: int, noun: str) -> str:
    """Return "1 epoch" or "4,000 steps"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
