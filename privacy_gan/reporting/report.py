"""The report: all that a folder of runs says, in files and on a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from privacy_gan.reporting import figure1
from privacy_gan.reporting.budget import exceeds_budget
from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.difference import (
    SIGNIFICANT,
    Difference,
    compare_curves,
    difference_matrices,
    needs_matrix,
)
from privacy_gan.reporting.face_grids import face_grids, load_run_faces
from privacy_gan.reporting.formats import FORMATS, csv_table, csv_text
from privacy_gan.reporting.leakage import leading_leak
from privacy_gan.reporting.missing import missing_from, missing_line
from privacy_gan.reporting.optimum_gap import gaussian_runs, optimum_table
from privacy_gan.reporting.page import Content, counts, page
from privacy_gan.reporting.records import RunsFound, all_evaluation_rows, find_runs
from privacy_gan.reporting.results import Panel, make_panels, results_table
from privacy_gan.reporting.tables import Table, make_tables
from privacy_gan.reporting.verdict import verdict
from privacy_gan.runs.faces import draw_grid, save_picture
from privacy_gan.runs.files import atomic_write
from privacy_gan.training.wandb_run import init_run

LINES = 10  # of differences that a terminal shows
FEW = 3  # judgements of a panel that are all told
OWN = ("figure1.*", "table[123].*", "faces-*.png", "results.csv")  # what a report may leave
UNSAFE = r"[^\w.+-]+"  # in a file's name


@dataclass(frozen=True)
class Report:
    """What was made.

    Attributes:
        text: for a terminal.
        files: in the order in which they are worth opening.
        tables: the paper's, measured.
    """

    text: str
    files: list[Path]
    tables: list[Table]


def make_report(folder: Path, output: Path, with_faces: bool) -> Report:
    """Write the report of all runs below a folder, finished or not.

    Args:
        folder: of the runs.
        output: where the report's files go.
        with_faces: whether pictures are shown; without them it can be handed on where the images
            themselves cannot.

    Raises:
        UserError: there is no such folder.
        OSError: the files cannot be written.
    """
    found = find_runs(folder)
    output.mkdir(parents=True, exist_ok=True)
    with FileLock(output / ".lock"):  # one after the other, into the same files
        return report_on(found, folder, output, with_faces)


def report_on(found: RunsFound, folder: Path, output: Path, with_faces: bool) -> Report:
    """Write the report of what was found below a folder, see ``make_report``."""
    judged = all_evaluation_rows(found.finished)
    panels = make_panels(judged)
    tables = make_tables(panels)
    seen, unseen = load_run_faces(found.finished) if with_faces else ([], [])
    content = Content(
        folder,
        [line for panel in panels for line in in_short(panel)],
        found,
        panels,
        {panel.title: compare_curves(panel) for panel in panels},
        tables,
        face_grids(seen),
        {picture.run.folder.path: picture.faces for picture in seen},
        missing_from(found, tables, unseen, panels),
    )
    files = write_files(content, output)
    told = [
        counts(found),
        *(["\n".join(content.in_short), comparison_tables(judged)] if judged else []),
        *(
            "\n  ".join([f"{each.mechanism}:", *verdict(each.evaluation)])
            for each in judged
            if each.is_audit
        ),
        *optimum_table(gaussian_runs(found.finished)),
        *(paragraph(title, some) for title, some in content.differences.items() if some),
        *(
            "\n".join([f"{heading}:", *(missing_line(*entry) for entry in entries)])
            for heading, entries in content.missing
        ),
        "\n".join([f"report     {files[0]}", *(f"           {path.name}" for path in files[1:])]),
    ]
    return Report("\n\n".join(told), files, tables)


def in_short(panel: Panel) -> list[str]:
    """Return what is to be known first of all that can be compared: a sentence for each run.

    Of many judgements the one that leaks least and the one that leaks most are told, and which
    missed their budget.
    """
    entries = sorted(panel.entries, key=lambda entry: leading_leak(entry.evaluation).gain_low)
    if len(entries) <= FEW:
        return [entry.summary_sentence for entry in entries]
    missed = [entry for entry in entries if exceeds_budget(entry.evaluation, entry.budget)]
    lines = [
        f"{panel.title}, {len(entries)} judgements.",
        f"Least leaks: {entries[0].sentence}",
        f"Most leaks: {entries[-1].sentence}",
    ]
    if missed:
        names = ", ".join(f"{entry.mechanism} {entry.instance}".strip() for entry in missed)
        lines.append(f"{len(missed)} of them did not keep their distortion budget: {names}.")
    return lines


def write_files(content: Content, output: Path) -> list[Path]:
    """Write all files, and remove those of an earlier report that are not made any more."""
    files = [write(output / "report.html", page(content))]
    if drawn := [panel for panel in content.panels if panel.has_trade_off]:
        files += figure1.draw(drawn, output)
    for number in sorted({table.number for table in content.tables}):
        some = [table for table in content.tables if table.number == number]
        files += [
            write(output / f"table{number}.{suffix}", text(some))
            for suffix, text in FORMATS.items()
        ]
    for grid in content.grids:
        files.append(output / f"{re.sub(UNSAFE, '_', grid.name)}.png")
        save_picture(draw_grid(grid.faces), files[-1])
    if content.panels:
        table = csv_text(results_table(content.panels), digits=9)
        files.append(write(output / "results.csv", table))
    for path in {path for pattern in OWN for path in output.glob(pattern)} - set(files):
        path.unlink()
    return files


def write(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    with atomic_write(path) as file:
        file.write_text(text, encoding="utf-8")
    return path


def paragraph(title: str, differences: Sequence[Difference]) -> str:
    """Return what of a panel is more than chance: of many pairs as matrices, else as sentences."""
    real = [each for each in differences if each.is_significant]
    lines = [f"{title}: {len(real)} of {len(differences)} differences are more than chance"]
    if needs_matrix(differences):
        lines += [line for each in difference_matrices(differences) for line in ("", *each.lines())]
        lines += ["", f"{SIGNIFICANT} more than chance; report.html has the intervals"]
    else:
        lines += [f"  {each.sentence()}" for each in real[:LINES]]
        if len(real) > LINES:
            lines.append(f"  and {len(real) - LINES} more, which report.html lists")
    return "\n".join(lines)


def publish(report: Report, project: str, output: Path) -> None:
    """Send a report to W&B: its tables, its figure, and all of its files as an artifact.

    It is a run of its own; offline without a key or an answer.

    Args:
        report: that was made.
        project: W&B project.
        output: the report's folder, where tracked data are kept, too.

    Raises:
        UserError: the wandb package is missing.
    """
    import wandb

    name = output.resolve().parent.name
    with init_run(output.resolve() / ".wandb", project, "reports", name) as tracked:
        for number in sorted({table.number for table in report.tables}):
            tables = [table for table in report.tables if table.number == number]
            tracked.log({f"table {number}": wandb.Table(dataframe=csv_table(tables))})
        for path in report.files:
            if path.suffix == ".png":
                tracked.log({path.stem: wandb.Image(str(path))})
        artifact = wandb.Artifact("report", type="report")
        for path in report.files:
            artifact.add_file(str(path))
        tracked.log_artifact(artifact)
