"""Figure 1: utility score against what leaks, drawn for print.

A panel has the measure by which most leaks on its axis; where that is not accuracy, the paper's
measure, it stands beside the same panel by accuracy.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting import paper_values
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.results import UTILITY, Curve, Panel, trade_off_points
from privacy_gan.runs.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# told apart by those who see colours otherwise, too (Okabe and Ito, 2008); markers repeat it
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#7F7F7F")
MARKERS = "osD^vP*X"
FORMATS = ("png", "pdf", "svg")
Box = tuple[float, float, float, float]
WIDTH, HEIGHT = 6.4, 4.6  # of a panel, inches


def colour_of(index: int) -> str:
    """Return the colour of a panel's curve, here and on the page."""
    return COLOURS[index % len(COLOURS)]


def draw(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Draw a panel for each attribute, side by side; return the files, one for each format."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table of a font
    import matplotlib as mpl
    from matplotlib.figure import Figure

    views = [(panel, measure) for panel in panels for measure in compute_measures(panel)]
    columns = min(2, len(views))
    rows = math.ceil(len(views) / columns)
    # text stays text, and no font or date of this machine makes another file of the same figure
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "svg.hashsalt": "privacy_gan",
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of names in other scripts
        figure = Figure((WIDTH * columns, HEIGHT * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for (panel, measure), place in zip(views, axes, strict=False):
            draw_panel(panel, measure, place)
        for place in axes[len(views) :]:
            place.set_axis_off()
        files = []
        for suffix in FORMATS:
            path = folder / f"figure1.{suffix}"
            dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
            with atomic_write(path) as file:
                figure.savefig(file, format=suffix, dpi=160, metadata=dates.get(suffix))
            files.append(path)
    return files


def compute_measures(panel: Panel) -> list[str]:
    """Return the measures that a panel is drawn for: that by which most leaks, and accuracy."""
    return list(dict.fromkeys((panel.leading, ACCURACY)))


def draw_panel(panel: Panel, measure: str, axes: Axes) -> None:
    """Draw all curves of a panel and what bounds them, in percent.

    Args:
        panel: with its curves.
        measure: of what leaks.
        axes: to draw on.
    """
    labels: list[Label] = []
    for index, curve in enumerate(panel.curves):
        labels += draw_curve(panel, curve, index, measure, axes)
    for column, style in (("majority_baseline", ":"), ("correlation_baseline", "--")):
        bound = panel.bound(measure, column)
        if bound is not None:
            axes.axvline(
                100 * bound,
                color="0.45",
                linestyle=style,
                linewidth=1,
                label=column.replace("_", " "),
            )
    leak, use = (panel.bound(name, "original") for name in (measure, UTILITY))
    if leak is not None and use is not None:
        axes.plot(100 * leak, 100 * use, "*", color="0.2", markersize=11, label="original")
    is_papers = measure == ACCURACY
    if is_papers and panel.example.attribute == TABLE_3_ATTRIBUTE and panel.example.on_celeba:
        draw_papers(axes)
    axes.set_title(literal(panel.title), fontsize=9, wrap=True)
    name = (
        "privacy loss: accuracy" if is_papers else f"most leaks by {METRICS[measure].title}: that"
    )
    axes.set_xlabel(f"{name} of the strongest adversary (%)")
    axes.set_ylabel("utility score (%)")
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.margins(0.08)
    put(labels, axes)
    axes.legend(
        title=reference_point(panel) if is_papers else None,
        title_fontsize=7,
        fontsize=7,
        frameon=False,
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
    )


def reference_point(panel: Panel) -> str | None:
    """Return what the numbers in brackets are, None where there are none."""
    square = panel.hypervolume_corners()
    if square is None:
        return None
    leak, useless = square[0]
    return f"[hypervolume with its reference point at {leak:.1%}, {useless:.1%}]"


def draw_curve(panel: Panel, curve: Curve, index: int, measure: str, axes: Axes) -> list[Label]:
    """Draw points, with bars over seeds or over test images; return labels of their budgets."""
    points = trade_off_points(curve, measure)
    if points.empty:
        return []
    areas = panel.hypervolume(curve)
    size = "" if areas is None or measure != ACCURACY else f" [{areas.mean():.2f}]"
    xs, ys = (100 * points[name].to_numpy() for name in ("mean_leak", "mean_use"))
    axes.errorbar(
        xs,
        ys,
        xerr=bars(points, "leak"),
        yerr=bars(points, "use"),
        color=colour_of(index),
        marker=MARKERS[index % len(MARKERS)],
        markersize=5,
        linewidth=1.2,
        elinewidth=0.7,
        capsize=2,
        label=literal(curve.name + size),
    )
    return [
        Label("" if math.isnan(epsilon) else f"{epsilon:g}", x, y, colour_of(index))
        for epsilon, x, y in zip(points.index, xs, ys, strict=True)
    ]


def bars(points: pd.DataFrame, what: str) -> npt.NDArray[np.float64]:
    """Return lengths of error bars, [2, N], in percent; rounding may have put a value outside."""
    mean, low, high = (points[f"{name}_{what}"].to_numpy() for name in ("mean", "low", "high"))
    return np.maximum(0, 100 * np.stack([mean - low, high - mean]))  # type: ignore[no-any-return]


class Label(NamedTuple):
    """A budget beside its point, (x, y) in percent."""

    text: str
    x: float
    y: float
    colour: str


def put(labels: Sequence[Label], axes: Axes) -> None:
    """Put each label at the first side of its point where it covers no other label and no point.

    One that finds no such side is left out: its like, at the same budget, stands nearby.
    """
    axes.autoscale_view()
    points = [axes.transData.transform((label.x, label.y)) for label in labels]
    unit = axes.figure.dpi / 72  # pixels a point
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in points]
    for label, (x, y) in zip(labels, points, strict=True):
        width = 4.5 * len(label.text)
        for right, up in ((5, 4), (5, -10), (-5 - width, 4), (-5 - width, -10)):
            low, bottom = x + right * unit, y + up * unit
            box = low, bottom, low + width * unit, bottom + 7 * unit
            if not any(meet(box, other) for other in taken):
                taken.append(box)
                axes.annotate(
                    label.text,
                    (label.x, label.y),
                    (right, up),
                    textcoords="offset points",
                    fontsize=7,
                    color=label.colour,
                )
                break


def meet(one: Box, other: Box) -> bool:
    """Tell whether two boxes (left, bottom, right, top) have a place in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def draw_papers(axes: Axes) -> None:
    """Mark on the axis the adversary's accuracies that the paper prints, which have no utility."""
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


def literal(text: str) -> str:
    """Return text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
