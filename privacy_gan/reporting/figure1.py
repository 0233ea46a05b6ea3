"""Figure 1: utility score against privacy loss, for print.

A panel's horizontal axis is its leading metric. If that is not accuracy, the paper's metric, a
second plot of the same panel shows accuracy. Hollow markers are lower bounds of what leaks:
adversaries were not known to be done.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting import paper_values
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.lower_bounds import bound_prefix
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.results import UTILITY, Curve, Panel, trade_off_points
from privacy_gan.runs.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# distinguishable with colour vision deficiencies (Okabe and Ito, 2008); markers differ, too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#7F7F7F")
MARKERS = "osD^vP*X"
FORMATS = ("png", "pdf", "svg")
Box = tuple[float, float, float, float]  # left, bottom, right, top
HOLLOW = "white"  # inside of markers at lower bounds
NOT_DONE = "hollow: at least, not known to be done"
MAX_LABEL = 60  # characters of a label in a legend with two columns
WIDTH, HEIGHT = 6.4, 4.6  # of a plot, inches


def curve_colour(index: int) -> str:
    """Return the colour of a panel's curve, in the figure and on the page."""
    return COLOURS[index % len(COLOURS)]


def draw_figure(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Draw all panels; return the files, one for each format."""
    from matplotlib.figure import Figure

    plots = [(panel, measure) for panel in panels for measure in axis_measures(panel)]
    columns = min(2, len(plots))
    rows = math.ceil(len(plots) / columns)
    with reproducible_style():
        figure = Figure((WIDTH * columns, HEIGHT * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for (panel, measure), each in zip(plots, axes, strict=False):
            draw_panel(panel, measure, each)
        for each in axes[len(plots) :]:
            each.set_axis_off()
        return save_figure(figure, folder, "figure1")


@contextmanager
def reproducible_style() -> Iterator[None]:
    """Text remains text, and files depend neither on this machine's fonts nor on the date."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every table of a font
    import matplotlib as mpl

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "svg.hashsalt": "privacy_gan",
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # names in other scripts
        yield


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure in all formats; return the files."""
    files = []
    for suffix in FORMATS:
        path = folder / f"{name}.{suffix}"
        dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
        with atomic_write(path) as file:
            figure.savefig(file, format=suffix, dpi=160, metadata=dates.get(suffix))
        files.append(path)
    return files


def axis_measures(panel: Panel) -> list[str]:
    """Return the metrics to plot a panel by: the leading one, and accuracy."""
    return list(dict.fromkeys((panel.leading, ACCURACY)))


def draw_panel(panel: Panel, measure: str, axes: Axes) -> None:
    """Draw all curves of a panel, the baselines and the original images, in percent.

    Args:
        panel: to draw.
        measure: on the horizontal axis.
        axes: to draw on.
    """
    labels: list[Label] = []
    for index, curve in enumerate(panel.curves):
        labels += draw_curve(panel, curve, index, measure, axes)
    for column, style in (("majority_baseline", ":"), ("correlation_baseline", "--")):
        value = panel.reference_value(measure, column)
        if value is not None:
            name = column.replace("_", " ")
            axes.axvline(100 * value, color="0.45", linestyle=style, linewidth=1, label=name)
    mark_original(panel, measure, axes)
    is_accuracy = measure == ACCURACY
    if is_accuracy and panel.example.attribute == TABLE_3_ATTRIBUTE and panel.example.on_celeba:
        mark_paper_values(axes)
    axes.set_title(escape_mathtext(panel.title), fontsize=9, wrap=True)
    name = "privacy loss: accuracy" if is_accuracy else f"largest leak: {METRICS[measure].title}"
    axes.set_xlabel(f"{name} of the strongest adversary (%)")
    axes.set_ylabel("utility score (%)")
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.margins(0.08)
    place_labels(labels, axes)
    longest = max(map(len, axes.get_legend_handles_labels()[1]))
    axes.legend(
        title=hypervolume_note(panel) if is_accuracy else None,
        title_fontsize=7,
        fontsize=7,
        frameon=False,
        ncols=2 if longest <= MAX_LABEL else 1,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
    )


def mark_original(panel: Panel, measure: str, axes: Axes) -> None:
    """Draw the original images, and add to the legend what hollow markers are, if there are any."""
    leak, utility = (panel.reference_value(name, "original") for name in (measure, UTILITY))
    prefixes = [bound_prefix(entry.evaluation, measure) for entry in panel.entries]
    if leak is not None and utility is not None:
        prefixes.append(bound_prefix(panel.example.evaluation, measure, "original"))
        face = HOLLOW if prefixes[-1] else "0.2"
        x, y = 100 * leak, 100 * utility
        axes.plot(x, y, "*", color="0.2", markerfacecolor=face, markersize=11, label="original")
    if any(prefixes):
        axes.plot([], [], "o", color="0.45", markerfacecolor=HOLLOW, markersize=5, label=NOT_DONE)


def hypervolume_note(panel: Panel) -> str | None:
    """Return what the numbers in brackets are; None if there are none."""
    corners = panel.hypervolume_corners()
    if corners is None:
        return None
    leak, utility = corners[0]
    return f"[hypervolume, with the reference point {leak:.1%}, {utility:.1%}]"


def draw_curve(panel: Panel, curve: Curve, index: int, measure: str, axes: Axes) -> list[Label]:
    """Draw points with error bars over seeds or test images; return labels of their budgets."""
    points = trade_off_points(curve, measure)
    if points.empty:
        return []
    areas = panel.hypervolume(curve)
    size = "" if areas is None or measure != ACCURACY else f" [{areas.mean():.2f}]"
    xs, ys = (100 * points[name].to_numpy() for name in ("mean_leak", "mean_utility"))
    axes.errorbar(
        xs,
        ys,
        xerr=error_bars(points, "leak"),
        yerr=error_bars(points, "utility"),
        color=curve_colour(index),
        marker=MARKERS[index % len(MARKERS)],
        markersize=5,
        linewidth=1.2,
        elinewidth=0.7,
        capsize=2,
        label=escape_mathtext(curve.name + size),
        zorder=3,
    )
    not_done = (points["bound_leak"] != "").to_numpy()
    axes.plot(
        xs[not_done],
        ys[not_done],
        MARKERS[index % len(MARKERS)],
        color=curve_colour(index),
        markerfacecolor=HOLLOW,
        markersize=5,
        zorder=4,
    )
    return [
        Label("" if math.isnan(epsilon) else f"{epsilon:g}", x, y, curve_colour(index))
        for epsilon, x, y in zip(points.index, xs, ys, strict=True)
    ]


def error_bars(points: pd.DataFrame, suffix: str) -> npt.NDArray[np.float64]:
    """Return the lengths of error bars, [2, N], in percent; at least 0 in spite of rounding."""
    mean, low, high = (points[f"{name}_{suffix}"].to_numpy() for name in ("mean", "low", "high"))
    return np.maximum(0, 100 * np.stack([mean - low, high - mean]))  # type: ignore[no-any-return]


class Label(NamedTuple):
    """The budget of a point (x, y), in percent."""

    text: str
    x: float
    y: float
    colour: str


def place_labels(labels: Sequence[Label], axes: Axes) -> None:
    """Put each label on the first side of its point where it overlaps no other label or point.

    A label without such a side is omitted: another one with the same budget is nearby.
    """
    axes.autoscale_view()
    points = [axes.transData.transform((label.x, label.y)) for label in labels]
    unit = axes.figure.dpi / 72  # pixels per point
    occupied = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in points]
    for label, (x, y) in zip(labels, points, strict=True):
        width = 4.5 * len(label.text)
        for right, up in ((5, 4), (5, -10), (-5 - width, 4), (-5 - width, -10)):
            left, bottom = x + right * unit, y + up * unit
            box = left, bottom, left + width * unit, bottom + 7 * unit
            if not any(overlap(box, other) for other in occupied):
                occupied.append(box)
                axes.annotate(
                    label.text,
                    (label.x, label.y),
                    (right, up),
                    textcoords="offset points",
                    fontsize=7,
                    color=label.colour,
                )
                break


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def mark_paper_values(axes: Axes) -> None:
    """Mark the accuracies of the paper's Table 3 on the axis; it prints no utility scores."""
    for mechanism, colour in (("filter", "0.6"), ("filter_generator", "0.2")):
        values = 100 * paper_values.table3().xs(mechanism, level="column")["paper"]
        axes.plot(
            values,
            [0.01] * len(values),
            "|",
            transform=axes.get_xaxis_transform(),
            color=colour,
            markersize=9,
            markeredgewidth=1.6,
            label=f"the paper's {mechanism}, one ResNet-10 (Table 3)",
        )


def escape_mathtext(text: str) -> str:
    """Return text that matplotlib does not parse as a formula."""
    return text.replace("$", r"\$")
