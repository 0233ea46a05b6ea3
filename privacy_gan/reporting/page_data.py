"""What the page shows of panels and runs, as plain data for its template and its script."""

from __future__ import annotations

import base64
import io
import json
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting import paper_values
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.figure1 import colour_of
from privacy_gan.reporting.leakage import ACCURACY
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import STRONGEST, EvaluationRow
from privacy_gan.reporting.results import UTILITY, Curve, Panel, budget_phrase, format_budget
from privacy_gan.reporting.run_summary import format_cell, measure_label
from privacy_gan.runs.faces import Faces

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "cross", "x")
PAPER_ATTRIBUTES, PAPERS_METRIC = "the paper's way", "paper_privacy_loss"
FACES_SHOWN, FACE_WIDTH = 4, 96  # of a run, when its point is chosen; pixels
Span = tuple[float, float, float]  # a value, and the ends of its error bar


def panel_data(panel: Panel, number_of: Mapping[int, int]) -> dict[str, Any]:
    """Return a panel.

    Args:
        panel: with its curves.
        number_of: the runs' places in the page's list, by ``id`` of an entry.
    """
    leading = panel.leading
    strongest = {STRONGEST: ACCURACY}
    if leading != ACCURACY:
        strongest = {
            f"{STRONGEST}, by {METRICS[leading].title}": leading,
            f"{STRONGEST}, by accuracy": ACCURACY,
        }
    measured = strongest | {PAPER_ATTRIBUTES: PAPERS_METRIC}
    attackers = list(strongest)
    if panel.example.value(PAPERS_METRIC) is not None:
        attackers.append(PAPER_ATTRIBUTES)
    adversaries = list(single_scores(panel)["adversary"].unique())
    attackers += adversaries
    choices: dict[str, tuple[str, str | None]] = {
        **{name: (metric, None) for name, metric in measured.items()},
        **{name: (ACCURACY, name) for name in adversaries},
    }
    utility = panel.bound(UTILITY, "original")
    return {
        "title": panel.title,
        "has_trade_off": panel.has_trade_off,
        "attackers": attackers,
        "curves": [
            curve_data(panel, curve, index, number_of, choices)
            for index, curve in enumerate(panel.curves)
        ],
        "leading": "" if leading == ACCURACY else METRICS[leading].title,
        "axes": {name: axis(panel, strongest.get(name, ACCURACY)) for name in attackers},
        "originals": {
            name: (leak, utility)
            for name, metric in measured.items()
            if (leak := panel.bound(metric, "original")) is not None and utility is not None
        },
        "papers": papers_values(panel),
        "hypervolume_note": hypervolume_note(panel),
    }


def axis(panel: Panel, metric: str) -> dict[str, Any]:
    """Return the axis of what leaks by a metric, and what bounds it."""
    bounds = [
        (name.replace("_", " "), value, dash)
        for name, dash in (("majority_baseline", "dot"), ("correlation_baseline", "dash"))
        if (value := panel.bound(metric, name)) is not None
    ]
    about = METRICS[metric]
    return {"title": about.title, "is_share": about.unit == "share", "bounds": bounds}


def papers_values(panel: Panel) -> list[float]:
    """Return what the paper's adversary finds against its mechanism in full (Table 3)."""
    if panel.example.attribute != TABLE_3_ATTRIBUTE or not panel.example.on_celeba:
        return []
    printed = paper_values.table3().xs("filter_generator", level="column")
    return [float(value) for value in printed["paper"]]


def hypervolume_note(panel: Panel) -> str:
    """Return what the number for a curve is measured against."""
    square = panel.hypervolume_corners()
    if square is None:
        return ""
    leaks, uses = METRICS[ACCURACY].format_value, METRICS[UTILITY].format_value
    (leak, useless), (blind, useful) = square
    return (
        "Hypervolume: the share of the rectangle between the reference point (privacy loss "
        f"{leaks(leak)}, as of original images; utility score {uses(useless)}, as told "
        f"without looking) and the ideal ({leaks(blind)}, {uses(useful)}) that a curve "
        "dominates. More budgets can only add to it, so compare curves that have the same."
    )


def curve_data(
    panel: Panel,
    curve: Curve,
    index: int,
    number_of: Mapping[int, int],
    choices: Mapping[str, tuple[str, str | None]],
) -> dict[str, Any]:
    """Return a curve and its points, for every adversary that can be chosen.

    Args:
        panel: that it is part of.
        curve: of it.
        index: its place there.
        number_of: see ``panel_data``.
        choices: what can be chosen, by what it is called: a metric, and whose it is, see
            ``Curve.over_seeds``.
    """
    areas = panel.hypervolume(curve)
    leaking = {name: curve.over_seeds(*choice) for name, choice in choices.items()}
    told = {
        "leak_text": panel.leading,
        "privacy_text": ACCURACY,
        "utility_text": UTILITY,
        "distortion_text": "distortion",
    }
    texts = {
        name: curve.over_seeds(metric).apply(with_spread, axis=1, show=METRICS[metric].format_value)
        for name, metric in told.items()
    }
    utility, points = curve.over_seeds(UTILITY), []
    for epsilon, entries in curve.points.items():
        point = {
            "epsilon_text": format_budget(epsilon),
            "where": budget_phrase(epsilon),
            "seeds": len(entries),
            "privacy": {name: span(over, epsilon) for name, over in leaking.items()},
            "utility": span(utility, epsilon),
            "runs": [number_of[id(entry)] for entry in entries],
            **{name: some.get(epsilon, "-") for name, some in texts.items()},
        }
        if any(exceeds_budget(entry.evaluation, entry.budget) for entry in entries):
            point["distortion_text"] += ", over budget"
        points.append(point)
    size = "-"
    if areas is not None:
        size = with_spread(areas.agg(["mean", "std"]), "{:.3f}".format)
    return {
        "name": curve.name,
        "colour": colour_of(index),
        "symbol": SYMBOLS[index % len(SYMBOLS)],
        "hypervolume": size,
        "points": points,
    }


def with_spread(over: pd.Series, show: Callable[[float], str]) -> str:
    """Return a mean and its standard deviation over seeds, where there is one."""
    mean, std = over["mean"], over["std"]
    return show(mean) if pd.isna(std) else f"{show(mean)} ± {show(std)}"


def span(over: pd.DataFrame, epsilon: float) -> Span | None:
    """Return a mean at a budget and the ends of its bar; None where there is none."""
    if epsilon not in over.index:
        return None
    mean, low, high = over.loc[epsilon, ["mean", "low", "high"]]
    return float(mean), float(low), float(high)


def single_scores(panel: Panel) -> pd.DataFrame:
    """Return every adversary's accuracies, at the most queries that it made in each judgement."""
    results = pd.concat([curve.results for curve in panel.curves])
    rows = results[~results["adversary"].isin(["", STRONGEST]) & (results["metric"] == ACCURACY)]
    most = rows.groupby(["run", "is_baseline", "adversary"])["queries"].transform("max")
    return rows[rows["queries"] == most]


def ranking(panel: Panel) -> list[dict[str, str]]:
    """Return the adversaries, the strongest on average first."""
    entries = panel.entries
    chosen = Counter(entry.evaluation.strongest["accuracy"].adversary for entry in entries)
    rows = [
        (statistics.fmean(scores["value"].dropna()), name, sorted(scores["queries"].unique()))
        for name, scores in single_scores(panel).groupby("adversary")
        if scores["value"].notna().any()
    ]
    return [
        {
            "name": name,
            "queries": " or ".join(map(str, queries)),
            "accuracy": METRICS[ACCURACY].format_value(mean),
            "strongest": f"{chosen[name]} of {len(entries)}",
        }
        for mean, name, queries in sorted(rows, reverse=True)
    ]


def run_data(entry: EvaluationRow, faces: Faces | None) -> dict[str, Any]:
    """Return what is shown of a run when its point is chosen."""
    identity = {**entry.fingerprint, **entry.evaluation.settings}
    return {
        "title": f"seed {entry.seed}",
        "folder": str(entry.folder.path),
        "numbers": [
            (measure_label(name), format_cell(name, measure.censored, interval=True))
            for name, measure in entry.evaluation.measures.items()
        ],
        "configuration": "\n".join(
            f"{key}={json.dumps(value)}" for key, value in sorted(identity.items())
        ),
        **({} if faces is None else faces_data(faces)),
    }


def faces_data(faces: Faces) -> dict[str, Any]:
    """Return some of a run's faces as a small picture within the page."""
    rows = [np.concatenate(list(images[:FACES_SHOWN]), 1) for images in faces.rows.values()]
    sheet = Image.fromarray(np.concatenate(rows))
    columns = min(FACES_SHOWN, len(faces.columns))
    labels = ", ".join(faces.rows)
    return {
        "faces": picture_source(sheet),
        "faces_width": columns * FACE_WIDTH,
        "faces_height": round(columns * FACE_WIDTH * sheet.height / sheet.width),
        "faces_alt": f"{columns} faces ({', '.join(faces.columns[:columns])}); rows: {labels}",
    }


def picture_source(picture: Image.Image) -> str:
    """Return a picture as an address that holds it."""
    file = io.BytesIO()
    picture.save(file, format="WebP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def conditions(entries: Sequence[EvaluationRow], environments: Sequence[Mapping[str, str]]) -> list[str]:
    """Return where runs were made and how long their adversaries learned, a line for each way."""
    made = Counter(map(where_made, environments))
    judged = Counter(how_judged(entry) for entry in entries)
    return [
        *(f"{count} run{'s' * (count != 1)}: {how}" for how, count in made.items()),
        *(f"{count} judgement{'s' * (count != 1)}: {how}" for how, count in judged.items()),
    ]


def where_made(environment: Mapping[str, str]) -> str:
    """Return a run's device, precision and versions."""
    told = [environment.get(key) for key in ("device", "device_name", "precision")]
    versions = [
        f"{key} {environment[key]}" for key in ("torch", "privacy_gan") if key in environment
    ]
    return ", ".join([*filter(None, told), *versions])


def how_judged(entry: EvaluationRow) -> str:
    """Return how long adversaries learned, and how much they saw."""
    evaluation = entry.evaluation
    queries = max((each.queries for each in evaluation.adversaries), default=1)
    return (
        f"adversaries learned {evaluation.settings.get('judge.epochs', '?')} epochs of "
        f"{evaluation.images['train']:,} images and saw up to {queries} censored versions of each "
        f"of {evaluation.images['test']:,} test images"
    )
