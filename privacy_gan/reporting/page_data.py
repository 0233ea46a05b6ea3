"""Panels and runs as plain data for the page's template and script."""

from __future__ import annotations

import base64
import io
import json
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting import paper_values
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.cells import measure_cell, measure_label
from privacy_gan.reporting.figure1 import curve_colour
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.lower_bounds import bound_prefix, training_length
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import STRONGEST, EvaluationRow
from privacy_gan.reporting.results import (
    UTILITY,
    Curve,
    Panel,
    budget_phrase,
    format_budget,
    joint_bound,
)
from privacy_gan.runs.faces import Faces

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "cross", "x")
PAPER_ADVERSARY, PAPER_METRIC = "the paper's adversary", "paper_privacy_loss"
MAX_FACES, FACE_WIDTH = 4, 96  # of a run, when its point is selected; pixels
Bar = tuple[float, float, float]  # a value, and the ends of its error bar


def panel_data(panel: Panel, entry_index: Mapping[int, int]) -> dict[str, Any]:
    """Return a panel.

    Args:
        panel: to show.
        entry_index: position in the page's list of runs, by ``id`` of an entry.
    """
    leading = panel.leading
    strongest = {STRONGEST: ACCURACY}
    if leading != ACCURACY:
        strongest = {
            f"{STRONGEST}, by {METRICS[leading].title}": leading,
            f"{STRONGEST}, by accuracy": ACCURACY,
        }
    metrics = strongest | {PAPER_ADVERSARY: PAPER_METRIC}
    adversary_choices = list(strongest)
    if panel.example.value(PAPER_METRIC) is not None:
        adversary_choices.append(PAPER_ADVERSARY)
    adversaries = list(adversary_accuracies(panel)["adversary"].unique())
    adversary_choices += adversaries
    choices: dict[str, tuple[str, str | None]] = {
        **{name: (metric, None) for name, metric in metrics.items()},
        **{name: (ACCURACY, name) for name in adversaries},
    }
    utility = panel.reference_value(UTILITY, "original")
    return {
        "title": panel.title,
        "has_trade_off": panel.has_trade_off,
        "adversary_choices": adversary_choices,
        "paper_choice": PAPER_ADVERSARY,
        "curves": [
            curve_data(panel, curve, index, entry_index, choices)
            for index, curve in enumerate(panel.curves)
        ],
        "leading": "" if leading == ACCURACY else METRICS[leading].title,
        "axes": {
            name: axis_data(panel, strongest.get(name, ACCURACY)) for name in adversary_choices
        },
        "originals": {
            name: (leak, utility, bound_prefix(panel.example.evaluation, metric, "original"))
            for name, metric in metrics.items()
            if (leak := panel.reference_value(metric, "original")) is not None
            and utility is not None
        },
        "paper_accuracies": paper_accuracies(panel),
        "hypervolume_note": hypervolume_note(panel),
    }


def axis_data(panel: Panel, metric: str) -> dict[str, Any]:
    """Return the axis of a privacy metric, with the baselines."""
    references = [
        (column.replace("_", " "), value, dash)
        for column, dash in (("majority_baseline", "dot"), ("correlation_baseline", "dash"))
        if (value := panel.reference_value(metric, column)) is not None
    ]
    record = METRICS[metric]
    return {"title": record.title, "is_share": record.unit == "share", "references": references}


def paper_accuracies(panel: Panel) -> list[float]:
    """Return the accuracies of the paper's adversary against filter and generator (Table 3)."""
    if panel.example.attribute != TABLE_3_ATTRIBUTE or not panel.example.on_celeba:
        return []
    table = paper_values.table3().xs("filter_generator", level="column")
    return [float(value) for value in table["paper"]]


def hypervolume_note(panel: Panel) -> str:
    """Return the definition of the hypervolume, with the panel's reference and ideal points."""
    corners = panel.hypervolume_corners()
    if corners is None:
        return ""
    (worst_leak, worst_utility), (best_leak, best_utility) = (
        (METRICS[ACCURACY].format_value(leak), METRICS[UTILITY].format_value(utility))
        for leak, utility in corners
    )
    return (
        "Hypervolume: the share of the rectangle between the reference point (privacy loss "
        f"{worst_leak}, that of original images; utility score {worst_utility}, that of the "
        f"majority baseline) and the ideal ({best_leak}, {best_utility}) that a curve dominates. "
        "More budgets can only increase it, so compare only curves with the same budgets."
        f"{bounds_note(panel)}"
    )


def bounds_note(panel: Panel) -> str:
    """Return what lower bounds mean for a panel's hypervolumes; "" if everything was done."""
    prefixes = {
        bound_prefix(entry.evaluation, ACCURACY, column)
        for entry in panel.entries
        for column in ("censored", "original")
    }
    if not any(prefixes):
        return ""
    return " It is approximate: some adversaries were not done, so their leaks are lower bounds."


def curve_data(
    panel: Panel,
    curve: Curve,
    index: int,
    entry_index: Mapping[int, int],
    choices: Mapping[str, tuple[str, str | None]],
) -> dict[str, Any]:
    """Return a curve and its points, for every adversary that can be selected.

    Args:
        panel: of the curve.
        curve: to show.
        index: of the curve in the panel.
        entry_index: see ``panel_data``.
        choices: metric and adversary of each choice, by its name, see ``Curve.over_seeds``.
    """
    areas = panel.hypervolume(curve)
    leaks = {name: curve.over_seeds(*choice) for name, choice in choices.items()}
    metrics = {
        "leak_text": panel.leading,
        "privacy_text": ACCURACY,
        "utility_text": UTILITY,
        "distortion_text": "distortion",
    }
    texts = {
        name: curve.over_seeds(metric).apply(
            format_mean_std, axis=1, show=METRICS[metric].format_value
        )
        for name, metric in metrics.items()
    }
    utility, points = curve.over_seeds(UTILITY), []
    for epsilon, entries in curve.points.items():
        point = {
            "epsilon_text": format_budget(epsilon),
            "where": budget_phrase(epsilon),
            "seeds": len(entries),
            "privacy": {name: mean_and_bar(table, epsilon) for name, table in leaks.items()},
            "bounds": {name: bound_at(table, epsilon) for name, table in leaks.items()},
            "utility": mean_and_bar(utility, epsilon),
            "runs": [entry_index[id(entry)] for entry in entries],
            **{name: by_budget.get(epsilon, "-") for name, by_budget in texts.items()},
        }
        if any(exceeds_budget(entry.evaluation, entry.budget) for entry in entries):
            point["distortion_text"] += ", over budget"
        points.append(point)
    size = "-"
    if areas is not None:
        size = format_mean_std(areas.agg(["mean", "std"]), "{:.3f}".format)
    return {
        "name": curve.name,
        "colour": curve_colour(index),
        "symbol": SYMBOLS[index % len(SYMBOLS)],
        "hypervolume": size,
        "points": points,
    }


def format_mean_std(row: pd.Series, show: Callable[[float], str]) -> str:
    """Return a mean, "at least" if it is a lower bound, and its deviation over several seeds."""
    mean, std = f"{prefix_of(row.get('bound', ''))}{show(row['mean'])}", row["std"]
    return mean if pd.isna(std) else f"{mean} ± {show(std)}"


def prefix_of(bound: str) -> str:
    """Return what to print before a value with a bound, see ``Record``."""
    return f"{bound} " if bound else ""


def bound_at(table: pd.DataFrame, epsilon: float) -> str:
    """Return what to print before the mean at a budget."""
    return prefix_of(table.loc[epsilon, "bound"]) if epsilon in table.index else ""


def mean_and_bar(table: pd.DataFrame, epsilon: float) -> Bar | None:
    """Return the mean at a budget and the ends of its error bar; None if there is no value."""
    if epsilon not in table.index:
        return None
    mean, low, high = table.loc[epsilon, ["mean", "low", "high"]]
    return float(mean), float(low), float(high)


def adversary_accuracies(panel: Panel) -> pd.DataFrame:
    """Return every adversary's accuracy in each evaluation, at its largest number of queries."""
    results = pd.concat([curve.results for curve in panel.curves])
    rows = results[~results["adversary"].isin(["", STRONGEST]) & (results["metric"] == ACCURACY)]
    max_queries = rows.groupby(["run", "is_baseline", "adversary"])["queries"].transform("max")
    return rows[rows["queries"] == max_queries]


def rank_adversaries(panel: Panel) -> list[dict[str, str]]:
    """Return the adversaries, the highest mean accuracy first."""
    entries = panel.entries
    times_strongest = Counter(entry.evaluation.strongest["accuracy"].adversary for entry in entries)
    rows = [
        (statistics.fmean(scores["value"].dropna()), name, scores)
        for name, scores in adversary_accuracies(panel).groupby("adversary")
        if scores["value"].notna().any()
    ]
    return [
        {
            "name": name,
            "queries": " or ".join(map(str, sorted(scores["queries"].unique()))),
            "accuracy": prefix_of(joint_bound(scores["bound"]))
            + METRICS[ACCURACY].format_value(mean),
            "strongest": f"{times_strongest[name]} of {len(entries)}",
        }
        for mean, name, scores in sorted(rows, key=itemgetter(0, 1), reverse=True)
    ]


def run_data(entry: EvaluationRow, faces: Faces | None) -> dict[str, Any]:
    """Return the details of a run, which the page shows when its point is selected."""
    settings = {**entry.fingerprint, **entry.evaluation.settings}
    return {
        "title": f"seed {entry.seed}",
        "folder": str(entry.folder.path),
        "numbers": [
            (measure_label(name), measure_cell(entry.evaluation, name, "censored", interval=True))
            for name in entry.evaluation.measures
        ],
        "configuration": "\n".join(
            f"{key}={json.dumps(value)}" for key, value in sorted(settings.items())
        ),
        **({} if faces is None else faces_data(faces)),
    }


def faces_data(faces: Faces) -> dict[str, Any]:
    """Return some of a run's faces as a small picture."""
    rows = [np.concatenate(list(images[:MAX_FACES]), 1) for images in faces.rows.values()]
    sheet = Image.fromarray(np.concatenate(rows))
    columns = min(MAX_FACES, len(faces.columns))
    labels = ", ".join(faces.rows)
    return {
        "faces": data_uri(sheet),
        "faces_width": columns * FACE_WIDTH,
        "faces_height": round(columns * FACE_WIDTH * sheet.height / sheet.width),
        "faces_alt": f"{columns} faces ({', '.join(faces.columns[:columns])}); rows: {labels}",
    }


def data_uri(picture: Image.Image) -> str:
    """Return a picture as a data URI."""
    file = io.BytesIO()
    picture.save(file, format="WebP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def condition_lines(
    entries: Sequence[EvaluationRow], environments: Sequence[Mapping[str, str]]
) -> list[str]:
    """Return the runs' environments and how they were judged, each with the number of runs."""
    trained = Counter(map(describe_environment, environments))
    judged = Counter(map(describe_judging, entries))
    return [
        *(f"{count} run{'s' * (count != 1)}: {text}" for text, count in trained.items()),
        *(f"{count} evaluation{'s' * (count != 1)}: {text}" for text, count in judged.items()),
    ]


def describe_environment(environment: Mapping[str, str]) -> str:
    """Return a run's device, precision and versions."""
    device = [environment.get(key) for key in ("device", "device_name", "precision")]
    versions = [
        f"{key} {environment[key]}" for key in ("torch", "privacy_gan") if key in environment
    ]
    return ", ".join([*filter(None, device), *versions])


def describe_judging(entry: EvaluationRow) -> str:
    """Return how long adversaries were trained, and how much they saw."""
    evaluation = entry.evaluation
    queries = max((each.queries for each in evaluation.adversaries), default=1)
    return (
        f"adversaries trained {training_length(evaluation)} on "
        f"{evaluation.images['train']:,} images; up to {queries} censored "
        f"version{'s' * (queries != 1)} of each of {evaluation.images['test']:,} test images"
    )
