"""report.html, a page without external resources."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from privacy_gan.evaluation.metrics import METRICS, Metric
from privacy_gan.reporting.bounds_table import bounds_notes, bounds_rows, certified
from privacy_gan.reporting.difference import Difference, difference_matrices, needs_matrix
from privacy_gan.reporting.face_grids import FaceGrid
from privacy_gan.reporting.finished_runs import RunsFound
from privacy_gan.reporting.formats import NOTE, table_texts
from privacy_gan.reporting.leakage import MEASURES
from privacy_gan.reporting.missing import Missing
from privacy_gan.reporting.page_data import (
    condition_lines,
    data_uri,
    panel_data,
    rank_adversaries,
    run_data,
)
from privacy_gan.reporting.page_learning import learning_data, without_curves
from privacy_gan.reporting.results import Panel
from privacy_gan.reporting.slices import slice_tables
from privacy_gan.reporting.tables import Table
from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.faces import Faces, draw_grid
from privacy_gan.runs.json_safe import json_safe

PARTS = files("privacy_gan.reporting") / "page"
SCRIPTS = ("report.js", "learning.js")
LEADING_TITLES = [METRICS[name].title for name in MEASURES]


def definition(metric: Metric) -> str:
    """Return what a metric is and where it is defined, in a sentence."""
    source = f" ({metric.source})" if metric.source else ""
    return f"{metric.explanation.replace('`', '')}{source}."


GLOSSARY = (
    *((metric.title, definition(metric)) for metric in METRICS.values()),
    (
        "strongest",
        "the adversary with the best score on validation images, of all those trained on censored "
        "training images.",
    ),
    (
        "largest leak",
        f"the leading metric: of {', '.join(LEADING_TITLES)}, the one whose "
        "interval's lower end is furthest above guessing, relative to original images. Accuracy "
        "alone can hide a leak if one value is frequent.",
    ),
    (
        "at least",
        "an adversary was not done: it was still learning when its training ended, or has no "
        "learning curve, as in results of earlier versions. Longer training may find more.",
    ),
    (
        "about",
        "a ratio whose denominator is such a lower bound: longer training may raise or lower it.",
    ),
    ("over budget", "the whole interval of the distortion is above epsilon."),
    ("majority baseline", "the score of the class frequencies, without looking at the image."),
    (
        "correlation baseline",
        "the score of a prediction from the labels of the other attributes alone.",
    ),
    (
        "intervals",
        "of single runs: 95% bootstrap intervals over test images, with the networks unchanged. "
        "They exclude the variation between trainings, which needs several seeds.",
    ),
)
DIFFERENCE_NOTE = (
    "Mechanisms with the same budget are compared on the same test images. If the results record "
    "which images were predicted correctly, the comparison is image by image (a paired bootstrap "
    "over images); otherwise it uses each mechanism's own interval, which is wider. With several "
    "seeds, the variance over seeds is added, and the interval is Student's. There is one "
    "comparison for each pair, budget and metric, without a correction for multiple comparisons: "
    "about one in twenty would look significant by chance."
)


@dataclass(frozen=True)
class PageContent:
    """Everything that the page shows.

    Attributes:
        folder: of the runs.
        summary: the most important sentences, see ``report.panel_summary``.
        found: the runs below the folder.
        panels: of Figure 1.
        differences: by the panel's title.
        tables: the paper's tables, measured.
        grids: of faces.
        faces: of runs, by their folder.
        missing: what is missing, by heading.
    """

    folder: Path
    summary: Sequence[str]
    found: RunsFound
    panels: Sequence[Panel]
    differences: Mapping[str, Sequence[Difference]]
    tables: Sequence[Table]
    grids: Sequence[FaceGrid]
    faces: Mapping[Path, Faces]
    missing: Missing


def render_page(content: PageContent) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, StrictUndefined
    from plotly.offline import get_plotlyjs

    entries = [entry for panel in content.panels for entry in panel.entries]
    with_certificate = certified(content.panels)
    entry_index = {id(entry): index for index, entry in enumerate(entries)}
    panels = [panel_data(panel, entry_index) for panel in content.panels]
    runs = [run_data(entry, content.faces.get(entry.folder.path)) for entry in entries]
    learning = learning_data(content.panels)
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(read_part("report.html"))
    return template.render(
        title=f"Privacy against utility: {content.folder.resolve().name}",
        counts=count_runs(content.found),
        date=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        folder=content.folder,
        style=read_part("report.css"),
        script="\n".join(map(read_part, SCRIPTS)),
        plotly=get_plotlyjs() if panels else "",
        sections=list_sections(content),
        summary=content.summary,
        panels=panels,
        learning=learning,
        without_curves=without_curves(content.panels),
        data=to_script_json({"panels": panels, "runs": runs, "learning": learning}),
        bounds=bounds_rows(with_certificate),
        bounds_notes=bounds_notes(with_certificate),
        differences=[
            (
                title,
                difference_matrices(differences) if needs_matrix(differences) else [],
                [(each.sentence(), each.is_significant) for each in differences],
            )
            for title, differences in content.differences.items()
            if differences
        ],
        difference_note=DIFFERENCE_NOTE,
        tables=[table_data(table) for table in content.tables],
        table_note=NOTE,
        grids=[grid_data(grid) for grid in content.grids],
        slices=slice_tables(entries),
        audits=[
            (f"{entry.mechanism} ({entry.data[0]})", verdict(entry.evaluation))
            for entry in entries
            if entry.is_audit
        ],
        rankings=[(panel.title, rank_adversaries(panel)) for panel in content.panels],
        missing=content.missing,
        glossary=GLOSSARY,
        warnings=sorted(
            {
                f"{entry.attribute} in {entry.data[0]}: {warning}"
                for entry in entries
                for warning in entry.evaluation.warnings
            }
        ),
        conditions=condition_lines(
            entries, [run.result.environment for run in content.found.finished]
        ),
    )


def read_part(name: str) -> str:
    """Return the text of one of the page's files."""
    return (PARTS / name).read_text(encoding="utf-8")


def to_script_json(tree: Any) -> str:
    """Return JSON that is safe within a script element, whatever strings it contains."""
    return json.dumps(json_safe(tree)).replace("<", "\\u003c")


def count_runs(found: RunsFound) -> str:
    """Return how many runs there are, as in "2 finished runs, 1 unfinished."."""
    num_finished = len(found.finished)
    counts = (
        (num_finished, f"finished run{'s' * (num_finished != 1)}"),
        (len(found.unfinished), "unfinished"),
        (len(found.unreadable), "unreadable"),
    )
    text = ", ".join(f"{count} {noun}" for count, noun in counts if count)
    return f"{text or 'No runs found'}."


def list_sections(content: PageContent) -> list[tuple[str, str]]:
    """Return the page's sections that have content: id and title."""
    return [
        (name, title)
        for name, title, has_content in (
            ("trade-off", "Trade-off", content.panels),
            ("bounds", "Upper bounds", certified(content.panels)),
            ("audits", "Audits", any(e.is_audit for p in content.panels for e in p.entries)),
            ("differences", "Differences", any(content.differences.values())),
            ("tables", "Tables", content.tables),
            ("faces", "Faces", content.grids),
            ("slices", "Slices", slice_tables(e for p in content.panels for e in p.entries)),
            ("adversaries", "Adversaries", content.panels),
            ("learning", "Learning curves", has_learning_section(content.panels)),
            ("missing", "Missing", True),
            ("how", "Definitions", True),
        )
        if has_content
    ]


def has_learning_section(panels: Sequence[Panel]) -> bool:
    """Return whether there are learning curves, or evaluations that lack them."""
    return bool(learning_data(panels) or without_curves(panels))


def table_data(table: Table) -> dict[str, Any]:
    """Return a table's texts for the template."""
    cells = table_texts(table)
    return {
        "number": table.number,
        "variant": table.variant,
        "caption": table.caption,
        "is_share": table.is_share,
        "corner": table.corner,
        "columns": list(cells.columns.unique(0)),
        "subcolumns": list(cells.columns.unique(1)),
        "rows": [(name, row) for name, *row in cells.itertuples(name=None)],
    }


def grid_data(grid: FaceGrid) -> dict[str, Any]:
    """Return a picture for the template."""
    picture = draw_grid(grid.faces)
    return {
        "caption": grid.caption,
        "source": data_uri(picture),
        "width": picture.width,
        "height": picture.height,
    }
