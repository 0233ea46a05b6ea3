"""Learning curves: how much adversaries had learned after each stage of their training.

They show whether the adversaries were done. If they were not, longer training may find more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import Panel, budget_phrase
from privacy_gan.runs.evaluation import RETRAINED, Evaluation
from privacy_gan.runs.learning_curve import Ending, LearningCurve, Stage

ENDINGS: dict[Ending, str] = {
    "done": "done",
    "dropped": "dropped",
    "max_epochs": "not done (max_epochs)",
    "max_minutes": "not done (max_minutes)",
}
LABEL = "bits on validation images"
ORIGINALS = "on original images"
# originals are drawn if they learn at most this many times as much: censored curves stay readable
MAX_RATIO = 4


@dataclass(frozen=True)
class Line:
    """The curve of one network.

    Attributes:
        network: its name.
        number: of its colour; the same network has the same in all plots of a panel.
        stages: with finite values, in order; at least one.
        ending: why its training ended.
    """

    network: str
    number: int
    stages: tuple[Stage, ...]
    ending: Ending

    @property
    def label(self) -> str:
        """The network's name and whether it was done, for a legend."""
        return f"{self.network}: {ENDINGS[self.ending].partition(' (')[0]}"

    @property
    def final_bits(self) -> float:
        """What it knew at the end of its training."""
        return self.stages[-1].bits.value


@dataclass(frozen=True)
class LearningPlot:
    """The learning curves of one evaluation.

    Attributes:
        title: the evaluation, unique within its panel.
        censored: adversaries trained on censored images, the one that learned most first.
        original: the same adversaries trained on original images.
        notes: sentences about what the curves show or leave out.
    """

    title: str
    censored: tuple[Line, ...]
    original: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def drawn_originals(self) -> tuple[Line, ...]:
        """The curves on original images; none if the others would be too flat next to them."""
        return self.original if fits(self.censored, self.original) else ()

    @property
    def epochs(self) -> list[int]:
        """All numbers of epochs after which something was measured, in ascending order."""
        lines = (*self.censored, *self.drawn_originals)
        return sorted({stage.epochs for line in lines for stage in line.stages})


def make_learning_plots(panel: Panel) -> list[LearningPlot]:
    """Return the learning curves of all evaluations of a panel that have some."""
    networks = dict.fromkeys(
        name
        for entry in panel.entries
        for curves in entry.evaluation.curves.values()
        for name in curves
    )
    numbers = {name: number for number, name in enumerate(networks)}
    return [
        plot
        for curve in panel.curves
        for entry in curve.entries
        if (plot := make_plot(plot_title(curve.name, entry), entry.evaluation, numbers))
    ]


def plot_title(curve: str, entry: EvaluationRow) -> str:
    """Return a curve's name, with budget and seed of one of its evaluations."""
    return curve if entry.is_audit else f"{curve} {budget_phrase(entry.epsilon)}, seed {entry.seed}"


def make_plot(title: str, evaluation: Evaluation, numbers: dict[str, int]) -> LearningPlot | None:
    """Return the learning curves of an evaluation; None if it has none.

    Args:
        title: of the plot.
        evaluation: whose adversaries are shown.
        numbers: number of each network's colour.
    """
    lines = {
        images: tuple(
            Line(name, numbers[name], stages, curve.ending)
            for name, curve in curves.items()
            if name != RETRAINED and (stages := finite_stages(curve))
        )
        for images, curves in evaluation.curves.items()
    }
    censored = sorted(lines.get("censored", ()), key=lambda line: -line.final_bits)
    if not censored:
        return None
    original = lines.get("original", ())
    notes = plot_notes(evaluation, censored, original)
    return LearningPlot(title, tuple(censored), original, notes)


def finite_stages(curve: LearningCurve) -> tuple[Stage, ...]:
    """Return a curve's stages without those whose bits are undefined, as after divergence."""
    return tuple(
        stage
        for stage in curve.stages
        if all(
            value is not None and math.isfinite(value)
            for value in (stage.bits.value, stage.bits.low, stage.bits.high)
        )
    )


def fits(censored: Sequence[Line], original: Sequence[Line]) -> bool:
    """Return whether curves on original images leave those on censored images readable."""
    top, top_original = (
        max((stage.bits.value for line in lines for stage in line.stages), default=0.0)
        for lines in (censored, original)
    )
    return top_original <= MAX_RATIO * top


def plot_notes(
    evaluation: Evaluation, censored: Sequence[Line], original: Sequence[Line]
) -> tuple[str, ...]:
    """Return whether the adversaries were done, and what the plot does not show."""
    show = METRICS["leaked_bits"].format_value
    notes = [
        "The adversaries were done."
        if evaluation.adversaries_done()
        else "The adversaries were not done: they learn at least this much."
    ]
    if evaluation.adversaries_done() and (dropped := dropped_winners(evaluation)):
        notes.append(
            f"The strongest on validation images had been dropped, so its values are lower bounds: "
            f"{', '.join(dropped)}."
        )
    if original and not fits(censored, original):
        top = max(line.final_bits for line in original)
        notes.append(f"On original images, not shown, they learn up to {show(top)} bits.")
    curves = evaluation.curves["censored"]
    fitted = [name for name, curve in curves.items() if not curve.stages and name != RETRAINED]
    if fitted:
        notes.append(f"Fitted in closed form, without a curve: {', '.join(fitted)}.")
    if (retrained := curves.get(RETRAINED)) is not None and retrained.stages:
        epochs = retrained.stages[-1].epochs
        notes.append(
            f"The retrained classifier ended after {epochs} epoch{'s' * (epochs != 1)}: "
            f"{ENDINGS[retrained.ending]}."
        )
    return tuple(notes)


def dropped_winners(evaluation: Evaluation) -> list[str]:
    """Return the adversaries that are the strongest in some score although they were dropped."""
    curves = evaluation.curves["censored"]
    winners = dict.fromkeys(each.adversary for each in evaluation.strongest.values())
    return [name for name in winners if name in curves and curves[name].ending == "dropped"]


def missing_curves_note(panel: Panel) -> str:
    """Return how many evaluations of a panel have no learning curves; "" if all have some."""
    total = len(panel.entries)
    missing = sum(not any(entry.evaluation.curves.values()) for entry in panel.entries)
    if not missing:
        return ""
    count = "This evaluation has" if total == 1 else f"{missing} of {total} evaluations have"
    return (
        f"{count} no learning curves, because an earlier version judged: whether the adversaries "
        "were done is unknown."
    )
