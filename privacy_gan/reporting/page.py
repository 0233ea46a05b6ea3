"""report.html: one page that needs nothing but itself."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from privacy_gan.evaluation.metrics import METRICS, Metric
from privacy_gan.reporting.difference import Difference, difference_matrices, needs_matrix
from privacy_gan.reporting.face_grids import FaceGrid
from privacy_gan.reporting.formats import NOTE, texts
from privacy_gan.reporting.leakage import MEASURES
from privacy_gan.reporting.missing import Missing
from privacy_gan.reporting.page_data import (
    conditions,
    panel_data,
    picture_source,
    ranking,
    run_data,
)
from privacy_gan.reporting.records import RunsFound
from privacy_gan.reporting.results import Panel
from privacy_gan.reporting.tables import Table
from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.faces import Faces, draw_grid
from privacy_gan.runs.result import json_safe

PARTS = files("privacy_gan.reporting") / "page"
LEADING = [METRICS[name].title for name in MEASURES]


def explained(metric: Metric) -> str:
    """Return what a metric is and where it is defined, in a sentence."""
    source = f" ({metric.source})" if metric.source else ""
    return f"{metric.explanation.replace('`', '')}{source}."


GLOSSARY = (
    *((metric.title, explained(metric)) for metric in METRICS.values()),
    (
        "strongest",
        "the adversary that is it on validation images, of all that learned from censored training "
        "images.",
    ),
    (
        "most by",
        f"the measure by which most leaks: of {', '.join(LEADING)} the one whose interval's lower "
        "end lies furthest above guessing, as a share of what original images tell. Accuracy alone "
        "may hide a leak where one value is frequent.",
    ),
    ("over budget", "where the distortion's whole interval lies above epsilon."),
    ("prior", "what is right most often without looking."),
    ("floor", "what the other attributes' labels tell of the hidden one."),
    (
        "intervals",
        "of single runs, 95% bootstrap intervals over test images: the networks stay the same. "
        "What another training would change, only several seeds tell.",
    ),
)
DIFFERENCE_NOTE = (
    "Two mechanisms at one budget are compared on the same test images, image by image where "
    "results say which ones were told right (a bootstrap over images), else with each one's own "
    "interval, which is wider. With several seeds the variance over these is added, and the "
    "interval is Student's. There is one comparison for each pair, budget and measure, and no "
    "correction for how many these are: of twenty that are chance, one will look like more."
)


@dataclass(frozen=True)
class Content:
    """All that a report shows.

    Attributes:
        folder: that the runs lie below.
        in_short: what is said first, see ``in_short``.
        found: what lies there.
        panels: of Figure 1.
        differences: by the panel's title.
        tables: the paper's, measured.
        grids: of faces.
        faces: of runs, by their folder.
        missing: what is not there.
    """

    folder: Path
    in_short: Sequence[str]
    found: RunsFound
    panels: Sequence[Panel]
    differences: Mapping[str, Sequence[Difference]]
    tables: Sequence[Table]
    grids: Sequence[FaceGrid]
    faces: Mapping[Path, Faces]
    missing: Missing


def page(content: Content) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, StrictUndefined
    from plotly.offline import get_plotlyjs

    entries = [entry for panel in content.panels for entry in panel.entries]
    number_of = {id(entry): number for number, entry in enumerate(entries)}
    panels = [panel_data(panel, number_of) for panel in content.panels]
    runs = [run_data(entry, content.faces.get(entry.folder.path)) for entry in entries]
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(text_of("report.html"))
    return template.render(
        title=f"Privacy against utility: {content.folder.resolve().name}",
        counts=counts(content.found),
        date=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        folder=content.folder,
        style=text_of("report.css"),
        script=text_of("report.js"),
        plotly=get_plotlyjs() if panels else "",
        contents=contents(content),
        in_short=content.in_short,
        panels=panels,
        data=script_safe({"panels": panels, "runs": runs}),
        differences=[
            (
                title,
                difference_matrices(some) if needs_matrix(some) else [],
                [(each.sentence(), each.is_significant) for each in some],
            )
            for title, some in content.differences.items()
            if some
        ],
        difference_note=DIFFERENCE_NOTE,
        tables=[table_data(table) for table in content.tables],
        table_note=NOTE,
        grids=[grid_data(grid) for grid in content.grids],
        audits=[
            (f"{entry.mechanism} ({entry.data[0]})", verdict(entry.evaluation))
            for entry in entries
            if entry.is_audit
        ],
        rankings=[(panel.title, ranking(panel)) for panel in content.panels],
        missing=content.missing,
        glossary=GLOSSARY,
        warnings=sorted(
            {
                f"{entry.attribute} in {entry.data[0]}: {warning}"
                for entry in entries
                for warning in entry.evaluation.warnings
            }
        ),
        conditions=conditions(entries, [run.result.environment for run in content.found.finished]),
    )


def text_of(name: str) -> str:
    """Return a part of the page."""
    return (PARTS / name).read_text(encoding="utf-8")


def script_safe(tree: Any) -> str:
    """Return JSON that can stand within a page's script, whatever its words say."""
    return json.dumps(json_safe(tree)).replace("<", "\\u003c")


def counts(found: RunsFound) -> str:
    """Return how many runs there are, in words."""
    told = [
        f"{len(some)} {what}"
        for some, what in (
            (found.finished, f"finished run{'s' * (len(found.finished) != 1)}"),
            (found.unfinished, "not finished"),
            (found.unreadable, "unreadable"),
        )
        if some
    ]
    return f"{', '.join(told) or 'No run'}."


def contents(content: Content) -> list[tuple[str, str]]:
    """Return the sections that there are, with their names."""
    return [
        (name, title)
        for name, title, shown in (
            ("trade-off", "Trade-off", content.panels),
            ("audits", "Audits", any(e.is_audit for p in content.panels for e in p.entries)),
            ("differences", "More than chance?", any(content.differences.values())),
            ("tables", "Tables", content.tables),
            ("faces", "Faces", content.grids),
            ("adversaries", "Adversaries", content.panels),
            ("missing", "Missing", True),
            ("how", "How", True),
        )
        if shown
    ]


def table_data(table: Table) -> dict[str, Any]:
    """Return a table's texts."""
    shown = texts(table)
    return {
        "number": table.number,
        "variant": table.variant,
        "caption": table.caption,
        "is_share": table.is_share,
        "corner": table.corner,
        "columns": list(shown.columns.unique(0)),
        "subcolumns": list(shown.columns.unique(1)),
        "rows": [(name, row) for name, *row in shown.itertuples(name=None)],
    }


def grid_data(grid: FaceGrid) -> dict[str, Any]:
    """Return a picture within the page."""
    picture = draw_grid(grid.faces)
    return {
        "caption": grid.caption,
        "source": picture_source(picture),
        "width": picture.width,
        "height": picture.height,
    }
