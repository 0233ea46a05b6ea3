"""Whether a distortion budget was kept. Epsilon is what training aims at; what came is measured."""

from __future__ import annotations

from collections.abc import Mapping

from privacy_gan.runs.result import Estimate, Evaluation, Result

NETWORKS = {"filter": "the filter", "generator": "the generator"}
# On validation images no interval is known; so much a mean may be off by their choice.
TOLERANCE = 1.02


def budget_in(identity: Mapping[str, object]) -> float | None:
    """Return the distortion budget that the settings of a run name.

    None for images that were censored elsewhere, and for mechanisms that read no budget: StarGAN,
    or a stack, whose parts had their own.
    """
    settings = {name for name in identity if name.startswith("privatizer.")}
    if settings and not any(name.endswith(".epsilon") for name in settings):
        return None
    epsilon = identity.get("epsilon")
    return float(epsilon) if isinstance(epsilon, int | float) else None


def distortion_of(evaluation: Evaluation) -> Estimate | None:
    """Return the mean distortion of test images, None where it is not known."""
    measure = evaluation.measures.get("distortion")
    return None if measure is None else measure.censored


def is_missed(evaluation: Evaluation, budget: float | None) -> bool:
    """Tell whether images changed more than allowed, by more than the choice of images explains."""
    distortion = distortion_of(evaluation)
    return budget is not None and distortion is not None and distortion.low > budget


def cost(evaluation: Evaluation, budget: float | None) -> str:
    """Return what hiding cost in distortion, against its budget, in words; "" where not known."""
    distortion = distortion_of(evaluation)
    if distortion is None:
        return ""
    if budget is None:
        return f"distortion {digits(distortion.value)}"
    if is_missed(evaluation, budget):
        return (
            f"distortion {digits(distortion.value)}, {excess(distortion.value, budget)} the budget "
            f"of {budget:g}"
        )
    over = (
        f" ({excess(distortion.value, budget)} it, as the choice of test images can explain)"
        if distortion.value > budget
        else ""
    )
    return f"distortion {digits(distortion.value)} of {budget:g} allowed{over}"


def missed_line(evaluation: Evaluation, budget: float | None) -> str:
    """Return that the budget was missed, and by how much; "" where it was not."""
    distortion = distortion_of(evaluation)
    if budget is None or distortion is None or not is_missed(evaluation, budget):
        return ""
    batches = evaluation.measures.get("batches_over_budget")
    share = "" if batches is None or batches.censored is None else f"{batches.censored.value:.0%}"
    of_batches = f", and {share} of the batches were over it" if share else ""
    return (
        f"the distortion budget epsilon={budget:g} was not kept: test images changed by "
        f"{digits(distortion.value)} on average (95% interval {digits(distortion.low)} to "
        f"{digits(distortion.high)}), {excess(distortion.value, budget)} the budget{of_batches}"
    )


def missed_in_training(training: Mapping[str, float], budget: float | None) -> list[str]:
    """Return which networks were over the budget on validation images when training ended."""
    if budget is None:
        return []
    return [
        f"the distortion budget epsilon={budget:g} was not kept at the end of training: "
        f"{NETWORKS.get(name, name)} changed validation images by {digits(value)} on average, "
        f"{excess(value, budget)} the budget"
        for name, value in distortions_in(training).items()
        if value > TOLERANCE * budget
    ]


def distortions_in(training: Mapping[str, float]) -> dict[str, float]:
    """Return each network's mean distortion of validation images, where training measured it."""
    found = {}
    for key, value in training.items():
        match key.split("/"):
            case ["valid", network, "distortion"] if value is not None:
                found[network] = value
    return found


def missed_lines(result: Result) -> list[str]:
    """Return how a run missed its budget, on test images or else at the end of its training."""
    budget = budget_in(result.fingerprint)
    of_tests = [missed_line(evaluation, budget) for evaluation in result.evaluations.values()]
    said = [*dict.fromkeys(filter(None, of_tests))]
    return said or missed_in_training(result.training, budget)


def digits(distortion: float) -> str:
    """Return a distortion with three significant digits."""
    return f"{distortion:.3g}"


def excess(distortion: float, budget: float) -> str:
    """Return a distortion as a multiple of its budget, in words."""
    times = distortion / budget
    return f"{times:.1f} times" if times >= 1.995 else f"{times - 1:.1%} over"
