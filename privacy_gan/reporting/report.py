"""The report on a folder of runs, as files and as text for the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from privacy_gan.reporting import figure1
from privacy_gan.reporting.bounds_table import bounds_paragraph
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.difference import (
    SIGNIFICANT,
    Difference,
    compare_curves,
    difference_matrices,
    needs_matrix,
)
from privacy_gan.reporting.example_grids import make_example_grids
from privacy_gan.reporting.face_grids import load_run_faces, make_face_grids
from privacy_gan.reporting.finished_runs import RunsFound, find_runs
from privacy_gan.reporting.formats import FORMATS, cells_table, to_csv
from privacy_gan.reporting.leakage import leading_leak
from privacy_gan.reporting.learning_figure import draw_learning_curves
from privacy_gan.reporting.missing import find_missing, format_missing
from privacy_gan.reporting.optimum_gap import gaussian_runs, optimum_table
from privacy_gan.reporting.page import PageContent, count_runs, render_page
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.results import Panel, make_panels, results_table
from privacy_gan.reporting.tables import Table, make_tables
from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.faces import draw_grid, save_picture
from privacy_gan.runs.files import atomic_write
from privacy_gan.training.wandb_run import init_run

MAX_DIFFERENCES = 10  # on the terminal
MAX_SENTENCES = 3  # more entries of a panel are summarized
# of any report
OUTPUTS = ("figure1.*", "learning_curves*.*", "table[123].*", "faces-*.png", "results.csv")
UNSAFE = r"[^\w.+-]+"  # in a file name


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        text: for the terminal.
        files: the most important ones first.
        tables: the paper's tables, measured.
    """

    text: str
    files: list[Path]
    tables: list[Table]


def make_report(folder: Path, output: Path, with_faces: bool) -> Report:
    """Write the report on all runs below a folder, finished or not.

    Args:
        folder: of the runs.
        output: folder for the report's files.
        with_faces: whether to include pictures; without them the report can be shared even if the
            images cannot.

    Raises:
        UserError: there is no such folder.
        OSError: the files cannot be written.
    """
    found = find_runs(folder)
    output.mkdir(parents=True, exist_ok=True)
    with FileLock(output / ".lock"):  # several reports may go to the same folder
        return write_report(found, folder, output, with_faces)


def write_report(found: RunsFound, folder: Path, output: Path, with_faces: bool) -> Report:
    """Write the report on the runs found below a folder, see ``make_report``."""
    entries = all_evaluation_rows(found.finished)
    panels = make_panels(entries)
    tables = make_tables(panels)
    faces, unreadable_faces = load_run_faces(found.finished) if with_faces else ([], [])
    examples, unreadable = make_example_grids(entries) if with_faces else ([], [])
    content = PageContent(
        folder,
        [line for panel in panels for line in panel_summary(panel)],
        found,
        panels,
        {panel.title: compare_curves(panel) for panel in panels},
        tables,
        [*make_face_grids(faces), *examples],
        {each.run.folder.path: each.labelled for each in faces},
        find_missing(found, tables, [*unreadable_faces, *unreadable], panels),
    )
    files = write_files(content, output)
    paragraphs = [
        count_runs(found),
        *(["\n".join(content.summary), comparison_tables(entries)] if entries else []),
        *(
            "\n  ".join([f"{entry.mechanism}:", *verdict(entry.evaluation)])
            for entry in entries
            if entry.is_audit
        ),
        *bounds_paragraph(panels),
        *optimum_table(gaussian_runs(found.finished)),
        *(
            difference_paragraph(title, differences)
            for title, differences in content.differences.items()
            if differences
        ),
        *(
            "\n".join([f"{heading}:", *(format_missing(*each) for each in missing)])
            for heading, missing in content.missing
        ),
        "\n".join([f"report     {files[0]}", *(f"           {path.name}" for path in files[1:])]),
    ]
    return Report("\n\n".join(paragraphs), files, tables)


def panel_summary(panel: Panel) -> list[str]:
    """Return a sentence for each entry of a panel.

    Of many entries, only those with the smallest and with the largest leak have a sentence, and
    those that exceeded their budget are named.
    """
    entries = sorted(panel.entries, key=lambda entry: leading_leak(entry.evaluation).gain_low)
    if len(entries) <= MAX_SENTENCES:
        return [entry.sentence for entry in entries]
    over_budget = [entry for entry in entries if exceeds_budget(entry.evaluation, entry.budget)]
    lines = [
        f"{panel.title}: {len(entries)} evaluations.",
        f"Smallest leak: {entries[0].sentence}",
        f"Largest leak: {entries[-1].sentence}",
    ]
    if over_budget:
        names = ", ".join(f"{entry.mechanism} {entry.run_label}".strip() for entry in over_budget)
        lines.append(f"{len(over_budget)} of them exceeded their distortion budget: {names}.")
    return lines


def write_files(content: PageContent, output: Path) -> list[Path]:
    """Write all files, and delete those of an earlier report that were not written again."""
    files = [write(output / "report.html", render_page(content))]
    if panels := [panel for panel in content.panels if panel.has_trade_off]:
        files += figure1.draw_figure(panels, output)
    files += draw_learning_curves(content.panels, output)
    for number in sorted({table.number for table in content.tables}):
        tables = [table for table in content.tables if table.number == number]
        files += [
            write(output / f"table{number}.{suffix}", to_text(tables))
            for suffix, to_text in FORMATS.items()
        ]
    for grid in content.grids:
        files.append(output / f"{re.sub(UNSAFE, '_', grid.name)}.png")
        save_picture(draw_grid(grid.faces), files[-1])
    if content.panels:
        table = to_csv(results_table(content.panels), digits=9)
        files.append(write(output / "results.csv", table))
    for path in {path for pattern in OUTPUTS for path in output.glob(pattern)} - set(files):
        path.unlink()
    return files


def write(path: Path, text: str) -> Path:
    """Write a text file atomically; return its path."""
    with atomic_write(path) as file:
        file.write_text(text, encoding="utf-8")
    return path


def difference_paragraph(title: str, differences: Sequence[Difference]) -> str:
    """Return a panel's significant differences as sentences, or all of many as matrices."""
    significant = [each for each in differences if each.is_significant]
    noun = "difference is" if len(differences) == 1 else "differences are"
    lines = [
        f"{title}: {len(significant)} of {len(differences)} {noun} significant (the 95% interval "
        "excludes 0)"
    ]
    if needs_matrix(differences):
        lines += [line for each in difference_matrices(differences) for line in ("", *each.lines())]
        lines += ["", f"{SIGNIFICANT} significant; report.html has the intervals"]
    else:
        lines += [f"  {each.sentence()}" for each in significant[:MAX_DIFFERENCES]]
        if len(significant) > MAX_DIFFERENCES:
            lines.append(f"  and {len(significant) - MAX_DIFFERENCES} more, see report.html")
    return "\n".join(lines)


def publish(report: Report, project: str, output: Path) -> None:
    """Send a report to W&B: its tables, its pictures, and all of its files as an artifact.

    It becomes a run in the group "reports"; offline if there is no key or no connection.

    Args:
        report: to send.
        project: W&B project.
        output: the report's folder, which also gets W&B's local files.

    Raises:
        UserError: the wandb package is missing.
    """
    import wandb

    name = output.resolve().parent.name
    with init_run(output.resolve() / ".wandb", project, "reports", name) as tracked:
        for number in sorted({table.number for table in report.tables}):
            tables = [table for table in report.tables if table.number == number]
            tracked.log({f"table {number}": wandb.Table(dataframe=cells_table(tables))})
        for path in report.files:
            if path.suffix == ".png":
                tracked.log({path.stem: wandb.Image(str(path))})
        artifact = wandb.Artifact("report", type="report")
        for path in report.files:
            artifact.add_file(str(path))
        tracked.log_artifact(artifact)
