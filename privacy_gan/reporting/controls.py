"""Controls of the judge as lines of text."""

from __future__ import annotations

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.runs.controls import RELIABLE, Controls, PermutedLabels, PlantedLeaks
from privacy_gan.runs.evaluation import Evaluation


def control_lines(evaluation: Evaluation) -> list[str]:
    """Return what adversaries found in permuted labels, and in planted leaks; [] if not known."""
    controls = evaluation.controls
    if controls is None:
        return []
    verdict = "FAILED" if controls.failed else "passed"
    found = ", ".join(map(format_permuted, controls.permuted))
    return [f"control with permuted labels: {verdict} ({found})", *power_lines(controls)]


def format_permuted(permuted: PermutedLabels) -> str:
    """Return the accuracy of an adversary with permuted labels, and the majority baseline."""
    show = METRICS[ACCURACY].format_value
    accuracy = permuted.accuracy
    interval = f"[{show(accuracy.low).rstrip('%')}, {show(accuracy.high)}]"
    return (
        f"{permuted.adversary} {show(accuracy.value)} {interval}, "
        f"majority {show(permuted.majority_baseline)}"
    )


def power_lines(controls: Controls) -> list[str]:
    """Return which planted leaks were found, or would reliably be; [] if none were planted."""
    if not controls.planted:
        return []
    names = " and ".join(each.adversary for each in controls.permuted)
    counts = ", ".join(map(format_planted, controls.planted))
    size = controls.reliable_size
    reliably = f"{10 * RELIABLE:.0f} of 10 cases"
    if size is None:
        conclusion = (
            f"not even a leak of {format_points(controls.planted[-1].size)} would have been found "
            f"in {reliably}"
        )
    else:
        conclusion = f"a leak of {format_points(size)} or more would have been found in {reliably}"
    return [f"power: {conclusion} by {names} alone (planted leaks found: {counts})"]


def format_planted(leaks: PlantedLeaks) -> str:
    """Return how many leaks of a size were found."""
    return f"{format_points(leaks.size)} {leaks.found} of {leaks.repetitions}"


def format_points(size: float) -> str:
    """Return a difference of accuracies in points."""
    return f"{100 * size:.3g} points"
