"""Learning curves as plain data for the page's template and script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.figure1 import COLOURS, curve_colour
from privacy_gan.reporting.learning_curves import (
    ENDINGS,
    LABEL,
    ORIGINALS,
    LearningPlot,
    Line,
    make_learning_plots,
    missing_curves_note,
)
from privacy_gan.reporting.results import Panel
from privacy_gan.runs.estimate import Estimate

SYMBOLS = {"done": "circle", "dropped": "x-thin-open"}  # at the end of a line
NOT_DONE = "triangle-up"  # hollow
DASHES = ("solid", "dash", "dot")  # where networks share a colour


def learning_data(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Return the learning curves of the panels that have some."""
    return [
        {
            "title": panel.title,
            "missing": missing_curves_note(panel),
            "axis": LABEL,
            "plots": [plot_data(plot) for plot in plots],
        }
        for panel in panels
        if (plots := make_learning_plots(panel))
    ]


def without_curves(panels: Sequence[Panel]) -> list[str]:
    """Return the titles of panels whose evaluations all lack curves, as of earlier versions.

    Panels whose adversaries were all fitted in closed form are not among them.
    """
    return [
        panel.title
        for panel in panels
        if missing_curves_note(panel) and not make_learning_plots(panel)
    ]


def plot_data(plot: LearningPlot) -> dict[str, Any]:
    """Return the lines and the table of an evaluation's learning curves."""
    return {
        "title": plot.title,
        "notes": plot.notes,
        "epochs": plot.epochs,
        "lines": [
            *(line_data(line, on_originals=True) for line in plot.drawn_originals),
            *(line_data(line, on_originals=False) for line in plot.censored),
        ],
        "rows": [
            *(table_row(line, "") for line in plot.censored),
            *(table_row(line, f" {ORIGINALS}") for line in plot.original),
        ],
    }


def line_data(line: Line, on_originals: bool) -> dict[str, Any]:
    """Return a line of a plot, which is grey for original images."""
    return {
        "name": line.network,
        "label": ORIGINALS if on_originals else line.label,
        "on_originals": on_originals,
        "colour": "" if on_originals else curve_colour(line.number),
        "dash": DASHES[line.number // len(COLOURS) % len(DASHES)],
        "width": 1 if line.ending == "dropped" else 2,
        "symbol": SYMBOLS.get(line.ending, NOT_DONE),
        "is_hollow": line.ending not in SYMBOLS,
        "epochs": [stage.epochs for stage in line.stages],
        "bits": [(stage.bits.value, stage.bits.low, stage.bits.high) for stage in line.stages],
        "texts": [
            f"{stage.epochs:,} epoch{'s' * (stage.epochs != 1)}, {stage.steps:,} steps<br>"
            f"{format_bits(stage.bits)} bits"
            for stage in line.stages
        ],
    }


def table_row(line: Line, images: str) -> list[str]:
    """Return network, ending, epochs, steps, bits and last gain of a line as text."""
    last = line.stages[-1]
    return [
        f"{line.network}{images}",
        ENDINGS[line.ending],
        f"{last.epochs:,}",
        f"{last.steps:,}",
        format_bits(last.bits),
        "-" if last.gain is None else format_bits(last.gain, "+"),
    ]


def format_bits(bits: Estimate, sign: str = "") -> str:
    """Return bits with their interval."""
    spec = METRICS["leaked_bits"].format
    return f"{bits.value:{sign}{spec}} [{bits.low:{sign}{spec}}, {bits.high:{sign}{spec}}]"
