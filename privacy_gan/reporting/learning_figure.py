"""The learning curves as figures for print, see ``learning_curves.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_gan.reporting.figure1 import (
    COLOURS,
    HOLLOW,
    curve_colour,
    escape_mathtext,
    reproducible_style,
    save_figure,
)
from privacy_gan.reporting.learning_curves import (
    LABEL,
    ORIGINALS,
    LearningPlot,
    Line,
    make_learning_plots,
)
from privacy_gan.reporting.results import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "learning_curves"  # of the files
COLUMNS, MAX_PLOTS = 3, 12  # of a figure; further plots are in further figures
WIDTH, HEIGHT = 4.4, 3.8  # of a plot, inches
MARKERS = {"done": "o", "dropped": "x"}  # at the end of a line
NOT_DONE = "^"
DASHES = ("-", "--", ":")  # where networks share a colour


def draw_learning_curves(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Draw the learning curves of all panels; return the files, none without curves."""
    plots = [(panel.title, plot) for panel in panels for plot in make_learning_plots(panel)]
    figures = [plots[start : start + MAX_PLOTS] for start in range(0, len(plots), MAX_PLOTS)]
    files = []
    for number, figure in enumerate(figures, 1):
        files += draw_figure(figure, folder, NAME if number == 1 else f"{NAME}_{number}")
    return files


def draw_figure(plots: Sequence[tuple[str, LearningPlot]], folder: Path, name: str) -> list[Path]:
    """Draw plots, each with its panel's title, into one figure; return its files."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(plots))
    rows = math.ceil(len(plots) / columns)
    with reproducible_style():
        figure = Figure((WIDTH * columns, HEIGHT * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for (panel, plot), each in zip(plots, axes, strict=False):
            draw_plot(panel, plot, each)
        for each in axes[len(plots) :]:
            each.set_axis_off()
        return save_figure(figure, folder, name)


def draw_plot(panel: str, plot: LearningPlot, axes: Axes) -> None:
    """Draw the learning curves of one evaluation."""
    for number, line in enumerate(plot.drawn_originals):
        draw_line(line, axes, "0.7", ORIGINALS if number == 0 else None)
    for line in plot.censored:
        draw_line(line, axes, curve_colour(line.number), escape_mathtext(line.label))
    axes.set_xscale("log", base=2)
    axes.set_xticks(plot.epochs, [f"{epochs:g}" for epochs in plot.epochs], minor=False)
    axes.minorticks_off()
    axes.set_title(escape_mathtext(f"{panel}\n{plot.title}"), fontsize=8, wrap=True)
    axes.set_xlabel("epochs")
    axes.set_ylabel(LABEL)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(
        title=escape_mathtext("\n".join(plot.notes)),
        title_fontsize=6,
        fontsize=6,
        frameon=False,
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
    )


def draw_line(line: Line, axes: Axes, colour: str, label: str | None) -> None:
    """Draw a curve with the interval at each stage, and a marker for how it ended."""
    epochs = [stage.epochs for stage in line.stages]
    bits = [stage.bits for stage in line.stages]
    values = [each.value for each in bits]
    below = [max(0.0, each.value - each.low) for each in bits]
    above = [max(0.0, each.high - each.value) for each in bits]
    width = 0.7 if line.ending == "dropped" else 1.5
    dash = dash_of(line)
    axes.errorbar(
        epochs,
        values,
        [below, above],
        color=colour,
        linestyle=dash,
        linewidth=width,
        elinewidth=0.6,
        capsize=1.5,
    )
    marker = MARKERS.get(line.ending, NOT_DONE)
    style: dict[str, Any] = {"linewidth": width, "linestyle": dash, "markersize": 5}
    style["markerfacecolor"] = colour if line.ending == "done" else HOLLOW
    axes.plot(epochs, values, color=colour, marker=marker, markevery=[-1], label=label, **style)


def dash_of(line: Line) -> str:
    """Return a line's dash pattern, which differs where networks share a colour."""
    return DASHES[line.number // len(COLOURS) % len(DASHES)]
