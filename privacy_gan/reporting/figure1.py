"""Figure 1: utility score against privacy loss, drawn for print."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_gan.reporting import paper_values
from privacy_gan.reporting.curves import Curve, Panel
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.runs.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# told apart by those who see colours otherwise, too (Okabe and Ito, 2008); markers repeat it
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#7F7F7F")
MARKERS = "osD^vP*X"
FORMATS = ("png", "pdf", "svg")
WIDTH, HEIGHT = 6.4, 4.6  # of a panel, inches


def colour_of(index: int) -> str:
    """Return the colour of a panel's curve, here and on the page."""
    return COLOURS[index % len(COLOURS)]


def draw(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Draw a panel for each attribute, side by side; return the files, one for each format."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table of a font
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
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
        for panel, place in zip(panels, axes, strict=False):
            draw_panel(panel, place)
        for place in axes[len(panels) :]:
            place.set_axis_off()
        files = []
        for suffix in FORMATS:
            path = folder / f"figure1.{suffix}"
            dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
            with replacing(path) as file:
                figure.savefig(file, format=suffix, dpi=160, metadata=dates.get(suffix))
            files.append(path)
    return files


def draw_panel(panel: Panel, axes: Axes) -> None:
    """Draw all curves of a panel and what bounds them, in percent."""
    for index, curve in enumerate(panel.curves):
        draw_curve(panel, curve, index, axes)
    for column, style in (("prior", ":"), ("floor", "--")):
        bound = panel.bound("privacy_loss", column)
        if bound is not None:
            axes.axvline(100 * bound, color="0.45", linestyle=style, linewidth=1, label=column)
    leak, use = (panel.bound(name, "original") for name in ("privacy_loss", "utility_score"))
    if leak is not None and use is not None:
        axes.plot(100 * leak, 100 * use, "*", color="0.2", markersize=11, label="original")
    if panel.first.attribute == TABLE_3_ATTRIBUTE and panel.first.on_celeba:
        draw_papers(axes)
    axes.set_title(literal(panel.title), fontsize=9, wrap=True)
    axes.set_xlabel("privacy loss: accuracy of the strongest adversary (%)")
    axes.set_ylabel("utility score (%)")
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.margins(0.08)
    axes.legend(
        title=reference_point(panel),
        title_fontsize=7,
        fontsize=7,
        frameon=False,
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
    )


def reference_point(panel: Panel) -> str | None:
    """Return what the numbers in brackets are, None where there are none."""
    square = panel.square()
    if square is None:
        return None
    leak, useless = square[0]
    return f"[hypervolume with its reference point at {leak:.1%}, {useless:.1%}]"


def draw_curve(panel: Panel, curve: Curve, index: int, axes: Axes) -> None:
    """Draw points, with bars over seeds or over test images, and their budgets."""
    privacy, utility = (
        [(point, point.over_seeds(measure), point.interval(measure)) for point in curve.points]
        for measure in ("privacy_loss", "utility_score")
    )
    drawn = [
        (point.epsilon, x.mean, y.mean, *x_span, *y_span)
        for (point, x, x_span), (_, y, y_span) in zip(privacy, utility, strict=True)
        if x and y and x_span and y_span
    ]
    if not drawn:
        return
    epsilons, xs, ys, x_low, x_high, y_low, y_high = (list(of) for of in zip(*drawn, strict=True))
    area = panel.hypervolume(curve)
    size = "" if area is None else f" [{area.mean:.2f}]"
    percent = [100 * x for x in xs], [100 * y for y in ys]
    axes.errorbar(
        *percent,
        xerr=[spans(xs, x_low), spans(x_high, xs)],
        yerr=[spans(ys, y_low), spans(y_high, ys)],
        color=colour_of(index),
        marker=MARKERS[index % len(MARKERS)],
        markersize=5,
        linewidth=1.2,
        elinewidth=0.7,
        capsize=2,
        label=literal(curve.name + size),
    )
    for epsilon, x, y in zip(epsilons, *percent, strict=True):
        axes.annotate(
            "" if math.isnan(epsilon) else f"{epsilon:g}",
            (x, y),
            (5, 4),
            textcoords="offset points",
            fontsize=7,
            color=colour_of(index),
        )


def spans(high: Sequence[float], low: Sequence[float]) -> list[float]:
    """Return lengths of error bars, in percent; an interval may miss its value by rounding."""
    return [max(0.0, 100 * (upper - lower)) for upper, lower in zip(high, low, strict=True)]


def draw_papers(axes: Axes) -> None:
    """Mark on the axis the adversary's accuracies that the paper prints, which have no utility."""
    for mechanism, colour in (("filter", "0.6"), ("filter_generator", "0.2")):
        values = [
            100 * printed.value
            for (_, name), printed in paper_values.table3().items()
            if name == mechanism
        ]
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
