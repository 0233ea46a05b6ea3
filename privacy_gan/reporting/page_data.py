"""What the page shows of panels and runs, as plain data for its template and its script."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from privacy_gan.reporting import paper_values
from privacy_gan.reporting.budget import is_missed
from privacy_gan.reporting.curves import Curve, Panel, Point
from privacy_gan.reporting.figure1 import colour_of
from privacy_gan.reporting.judged import Judged, at_budget, budget_text
from privacy_gan.reporting.leading import ACCURACY
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.seeds import OverSeeds
from privacy_gan.reporting.summary import FIVE_DIGITS, FORMATS, PERCENT, cell, name_of, shown
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.result import AdversaryScores, Estimate

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "cross", "x")
STRONGEST, PAPERS = "strongest", "the paper's way"
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
            f"{STRONGEST}, by {name_of(leading)}": leading,
            f"{STRONGEST}, by accuracy": ACCURACY,
        }
    attackers = list(strongest)
    if panel.first.value("paper_privacy_loss") is not None:
        attackers.append(PAPERS)
    attackers += adversaries_of(panel)
    utility = panel.bound("utility_score", "original")
    return {
        "title": panel.title,
        "has_trade_off": panel.has_trade_off,
        "attackers": attackers,
        "curves": [
            curve_data(panel, curve, index, number_of, strongest)
            for index, curve in enumerate(panel.curves)
        ],
        "leading": "" if leading == ACCURACY else name_of(leading),
        "axes": {name: axis(panel, strongest.get(name, ACCURACY)) for name in attackers},
        "originals": {
            name: (leak, utility)
            for name, measure in (*strongest.items(), (PAPERS, "paper_privacy_loss"))
            if (leak := panel.bound(measure, "original")) is not None and utility is not None
        },
        "papers": papers_values(panel),
        "hypervolume_note": hypervolume_note(panel),
    }


def axis(panel: Panel, measure: str) -> dict[str, Any]:
    """Return the axis of what leaks by a measure, and what bounds it."""
    bounds = [
        (name, value, dash)
        for name, dash in (("prior", "dot"), ("floor", "dash"))
        if (value := panel.bound(measure, name)) is not None
    ]
    return {
        "title": "privacy loss (accuracy)" if measure == ACCURACY else name_of(measure),
        "is_share": FORMATS.get(measure, PERCENT) is PERCENT,
        "bounds": bounds,
    }


def papers_values(panel: Panel) -> list[float]:
    """Return what the paper's adversary finds against its mechanism in full (Table 3)."""
    if panel.first.attribute != TABLE_3_ATTRIBUTE or not panel.first.on_celeba:
        return []
    return [
        printed.value
        for (_, mechanism), printed in paper_values.table3().items()
        if mechanism == "filter_generator"
    ]


def hypervolume_note(panel: Panel) -> str:
    """Return what the number for a curve is measured against."""
    square = panel.square()
    if square is None:
        return ""
    (leak, useless), (blind, useful) = square
    return (
        "Hypervolume: the share of the rectangle between the reference point (privacy loss "
        f"{PERCENT(leak)}, as of original images; utility score {PERCENT(useless)}, as told "
        f"without looking) and the ideal ({PERCENT(blind)}, {PERCENT(useful)}) that a curve "
        "dominates. More budgets can only add to it, so compare curves that have the same."
    )


def curve_data(
    panel: Panel,
    curve: Curve,
    index: int,
    number_of: Mapping[int, int],
    strongest: Mapping[str, str],
) -> dict[str, Any]:
    """Return a curve and its points."""
    area = panel.hypervolume(curve)
    return {
        "name": curve.name,
        "colour": colour_of(index),
        "symbol": SYMBOLS[index % len(SYMBOLS)],
        "hypervolume": "-" if area is None else with_spread(area, "{:.3f}".format),
        "points": [point_data(panel, point, number_of, strongest) for point in curve.points],
    }


def point_data(
    panel: Panel, point: Point, number_of: Mapping[int, int], strongest: Mapping[str, str]
) -> dict[str, Any]:
    """Return a point for every adversary that can be chosen.

    Args:
        panel: that it is part of.
        point: of a curve.
        number_of: see ``panel_data``.
        strongest: measures of the strongest adversary that can be chosen, by what they are called.
    """
    texts = {
        f"{name}_text": "-" if over is None else with_spread(over, show)
        for name, measure, show in (
            ("leak", panel.leading, partial(shown, panel.leading)),
            ("privacy", "privacy_loss", PERCENT),
            ("utility", "utility_score", PERCENT),
            ("distortion", "distortion", FIVE_DIGITS),
        )
        for over in [point.over_seeds(measure)]
    }
    by_adversary = {name: adversary_span(point, name) for name in adversaries_of(panel)}
    if any(is_missed(entry.evaluation, entry.budget) for entry in point.entries):
        texts["distortion_text"] += ", over budget"
    measured = {name: measure_span(point, measure) for name, measure in strongest.items()}
    measured[PAPERS] = measure_span(point, "paper_privacy_loss")
    return {
        "epsilon_text": budget_text(point.epsilon),
        "where": at_budget(point.epsilon),
        "seeds": len(point.entries),
        "privacy": measured | by_adversary,
        "utility": measure_span(point, "utility_score"),
        "runs": [number_of[id(entry)] for entry in point.entries],
        **texts,
    }


def with_spread(over: OverSeeds, show: Callable[[float], str]) -> str:
    """Return a mean and its spread over seeds, where there is one."""
    return show(over.mean) if over.std is None else f"{show(over.mean)} ± {show(over.std)}"


def measure_span(point: Point, measure: str) -> Span | None:
    """Return a measure's mean and the ends of its bar."""
    over, span = point.over_seeds(measure), point.interval(measure)
    return None if over is None or span is None else (over.mean, *span)


def adversary_span(point: Point, adversary: str) -> Span | None:
    """Return one adversary's accuracy, at the most queries that it made."""
    estimates = [
        estimate
        for entry in point.entries
        if (scores := most_queries(entry).get(adversary))
        if (estimate := scores.test["accuracy"])
    ]
    over = OverSeeds.of(estimate.value for estimate in estimates)
    if over is None:
        return None
    if over.std is None:
        return over.mean, estimates[0].low, estimates[0].high
    return over.mean, over.mean - over.std, over.mean + over.std


def most_queries(entry: Judged) -> dict[str, AdversaryScores]:
    """Return each adversary's scores at the most queries that it made."""
    adversaries = sorted(entry.evaluation.adversaries, key=lambda scores: scores.queries)
    return {scores.adversary: scores for scores in adversaries}


def adversaries_of(panel: Panel) -> list[str]:
    """Return the names of a panel's adversaries."""
    return list(dict.fromkeys(name for entry in panel.entries for name in most_queries(entry)))


def ranking(panel: Panel) -> list[dict[str, str]]:
    """Return the adversaries, the strongest on average first."""
    entries = panel.entries
    chosen = Counter(entry.evaluation.strongest["accuracy"].adversary for entry in entries)
    rows = []
    for name in adversaries_of(panel):
        scores = [found for entry in entries if (found := most_queries(entry).get(name))]
        accuracy = OverSeeds.of(
            estimate.value for each in scores if (estimate := each.test["accuracy"])
        )
        queries = sorted({each.queries for each in scores})
        rows.append((accuracy.mean if accuracy else 0.0, name, queries))
    return [
        {
            "name": name,
            "queries": " or ".join(map(str, queries)),
            "accuracy": PERCENT(mean),
            "strongest": f"{chosen[name]} of {len(entries)}",
        }
        for mean, name, queries in sorted(rows, reverse=True)
    ]


def run_data(entry: Judged, faces: Faces | None) -> dict[str, Any]:
    """Return what is shown of a run when its point is chosen."""
    identity = {**entry.identity, **entry.evaluation.settings}
    shown = {} if faces is None else faces_data(faces)
    return {
        "title": f"seed {entry.seed}",
        "folder": str(entry.folder.path),
        "numbers": [
            (name_of(name), number(name, measure.censored))
            for name, measure in entry.evaluation.measures.items()
        ],
        "configuration": "\n".join(
            f"{key}={json.dumps(value)}" for key, value in sorted(identity.items())
        ),
        **shown,
    }


def number(name: str, estimate: Estimate | None) -> str:
    """Return a measure with its interval."""
    is_signed = name.startswith(("correlation/", "association/"))
    return cell(estimate, FORMATS.get(name, "{:.3f}".format if is_signed else PERCENT), True)


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


def conditions(entries: Sequence[Judged], environments: Sequence[Mapping[str, str]]) -> list[str]:
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


def how_judged(entry: Judged) -> str:
    """Return how long adversaries learned, and how much they saw."""
    evaluation = entry.evaluation
    queries = max((each.queries for each in evaluation.adversaries), default=1)
    return (
        f"adversaries learned {evaluation.settings.get('judge.epochs', '?')} epochs of "
        f"{evaluation.images['train']:,} images and saw up to {queries} censored versions of each "
        f"of {evaluation.images['test']:,} test images"
    )
