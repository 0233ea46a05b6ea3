"""Measured distortion compared with the distortion budget (epsilon) that training aims at."""

from __future__ import annotations

from collections.abc import Mapping

from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.result import Result

NETWORKS = {"filter": "the filter", "generator": "the generator"}
# Distortions of validation images have no interval: a mean may be 2% above the budget by sampling.
TOLERANCE = 1.02


def budget_of(fingerprint: Mapping[str, object]) -> float | None:
    """Return the distortion budget of a run.

    None for images that were censored elsewhere, and for mechanisms whose settings have no epsilon:
    StarGAN, or a stack, whose parts have their own budgets.
    """
    settings = {name for name in fingerprint if name.startswith("privatizer.")}
    if settings and not any(name.endswith(".epsilon") for name in settings):
        return None
    epsilon = fingerprint.get("epsilon")
    return float(epsilon) if isinstance(epsilon, int | float) else None


def mean_distortion(evaluation: Evaluation) -> Estimate | None:
    """Return the mean distortion of test images; None if it was not measured."""
    measure = evaluation.measures.get("distortion")
    return None if measure is None else measure.censored


def exceeds_budget(evaluation: Evaluation, budget: float | None) -> bool:
    """Return whether the whole 95% interval of the mean distortion is above the budget."""
    distortion = mean_distortion(evaluation)
    return budget is not None and distortion is not None and distortion.low > budget


def describe_distortion(evaluation: Evaluation, budget: float | None) -> str:
    """Return the distortion and its budget as part of a sentence; "" if it was not measured."""
    distortion = mean_distortion(evaluation)
    if distortion is None:
        return ""
    text = f"distortion {format_distortion(distortion.value)}"
    if budget is None:
        return text
    if exceeds_budget(evaluation, budget):
        return f"{text}, {format_excess(distortion.value, budget)} the budget of {budget:g}"
    excess = (
        f"; {format_excess(distortion.value, budget)}, within the sampling error of the test images"
        if distortion.value > budget
        else ""
    )
    return f"{text} (budget {budget:g}{excess})"


def describe_excess(evaluation: Evaluation, budget: float | None) -> str:
    """Return by how much test images exceed the budget; "" if they do not."""
    distortion = mean_distortion(evaluation)
    if budget is None or distortion is None or not exceeds_budget(evaluation, budget):
        return ""
    batches = evaluation.measures.get("batches_over_budget")
    share = "" if batches is None or batches.censored is None else f"{batches.censored.value:.0%}"
    batches_clause = f"; {share} of the batches are over it" if share else ""
    return (
        f"the distortion budget epsilon={budget:g} was exceeded: the mean distortion of test "
        f"images is {format_distortion(distortion.value)} (95% interval "
        f"{format_distortion(distortion.low)} to {format_distortion(distortion.high)}), "
        f"{format_excess(distortion.value, budget)} the budget{batches_clause}"
    )


def validation_warnings(training: Mapping[str, float], budget: float | None) -> list[str]:
    """Return which networks exceeded the budget on validation images at the end of training."""
    if budget is None:
        return []
    return [
        f"the distortion budget epsilon={budget:g} was exceeded at the end of training: the mean "
        f"distortion of validation images by {NETWORKS.get(name, name)} is "
        f"{format_distortion(value)}, {format_excess(value, budget)} the budget"
        for name, value in validation_distortions(training).items()
        if value > TOLERANCE * budget
    ]


def validation_distortions(training: Mapping[str, float]) -> dict[str, float]:
    """Return the mean distortion of validation images by network, where training measured it."""
    distortions = {}
    for key, value in training.items():
        match key.split("/"):
            case ["valid", network, "distortion"] if value is not None:
                distortions[network] = value
    return distortions


def budget_warnings(result: Result) -> list[str]:
    """Return how a run exceeded its budget: on test images, or else at the end of training."""
    budget = budget_of(result.fingerprint)
    on_test = [describe_excess(evaluation, budget) for evaluation in result.evaluations.values()]
    warnings = [*dict.fromkeys(filter(None, on_test))]
    return warnings or validation_warnings(result.training, budget)


def format_distortion(distortion: float) -> str:
    """Return a distortion with three significant digits."""
    return f"{distortion:.3g}"


def format_excess(distortion: float, budget: float) -> str:
    """Return a distortion relative to its budget: "2.5 times" or "1.0% over"."""
    ratio = distortion / budget
    return f"{ratio:.1f} times" if ratio >= 1.995 else f"{ratio - 1:.1%} over"
