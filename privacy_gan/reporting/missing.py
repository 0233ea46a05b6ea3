"""What a report lacks, and the commands that would produce it."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from privacy_gan.errors import UserError
from privacy_gan.reporting.finished_runs import RunsFound
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.reporting.results import Panel
from privacy_gan.reporting.tables import Table, setup_without_attribute
from privacy_gan.runs.folder import RunFolder

Missing = list[tuple[str, list[tuple[str, str]]]]  # headings, each with descriptions and commands
PRESETS = {1: "table1", 3: "table3"}  # Table 2 is computed from Table 1's runs


class MissingRun(NamedTuple):
    """A run that would fill empty cells of the paper's tables.

    Attributes:
        table: number of the first table that needs it.
        attribute: the hidden attribute.
        epsilon: the distortion budget.
        mechanism: name of the privatizer.
        example: an existing run with otherwise the same settings.
    """

    table: int
    attribute: str
    epsilon: float
    mechanism: str
    example: EvaluationRow


def find_missing(
    found: RunsFound,
    tables: Sequence[Table],
    unreadable_faces: Sequence[str],
    panels: Sequence[Panel],
) -> Missing:
    """Return what is missing by heading, without empty headings.

    Args:
        found: the runs below the report's folder.
        tables: the paper's tables, measured.
        unreadable_faces: why pictures cannot be read, a line each.
        panels: whose duplicates are listed.
    """
    in_paper = describe_missing_runs(find_missing_runs(tables), len(found.finished))
    sections: Missing = [
        ("Unfinished runs", [(str(run.path), resume_command(run)) for run in found.unfinished]),
        ("Unreadable files", [(line, "") for line in (*found.unreadable, *unreadable_faces)]),
        ("In the paper but not in this folder", in_paper),
        *(
            (
                f"Excluded from {panel.title}: evaluated more than once",
                [(str(entry.folder.path), "") for entry in panel.duplicates],
            )
            for panel in panels
        ),
    ]
    return [(heading, entries) for heading, entries in sections if entries]


def format_missing(description: str, command: str) -> str:
    """Return an entry of what is missing, and the command that would produce it, as lines."""
    return f"  {description}" + (f"\n    {command}" if command else "")


def find_missing_runs(tables: Sequence[Table]) -> list[MissingRun]:
    """Return the runs that would fill the empty cells of the paper's tables, each once.

    Table 2 needs no separate runs; the filter alone is part of the filter and generator.
    """
    runs: dict[tuple[str, float, str, str], MissingRun] = {}
    for table in sorted(tables, key=lambda table: table.number):
        if table.number not in PRESETS or not table.example.on_celeba:
            continue
        setup = json.dumps(setup_without_attribute(table.example), sort_keys=True)
        cells = table.cells[(table.cells["seeds"] == 0) & table.cells["paper"].notna()]
        for cell in cells.itertuples():
            if table.number == 1:
                attribute, mechanism = cell.column, "filter_generator"
            else:
                attribute, mechanism = TABLE_3_ATTRIBUTE, cell.column
            if mechanism == "filter":
                mechanism = "filter_generator"
            epsilon = float(cell.row)
            run = MissingRun(table.number, attribute, epsilon, mechanism, table.example)
            runs.setdefault((attribute, epsilon, mechanism, setup), run)
    return list(runs.values())


def resume_command(run: RunFolder) -> str:
    """Return the command that resumes a run; "" if its overrides are unknown."""
    overrides = load_overrides(run)
    return "" if overrides is None else train_command([], overrides)


def load_overrides(run: RunFolder) -> list[str] | None:
    """Return the command-line overrides of a run; None if they were not recorded."""
    try:
        overrides = run.config().get("overrides")
    except UserError:
        return None
    return None if overrides is None else [str(override) for override in overrides]


def train_command(flags: Sequence[str], overrides: Sequence[str]) -> str:
    """Return a training command for a shell."""
    return shlex.join(["privacy-gan", "train", *flags, *overrides])


def describe_missing_runs(
    missing: Sequence[MissingRun], num_finished: int
) -> list[tuple[str, str]]:
    """Return descriptions of missing runs, with commands unless most of the tables are missing.

    Someone with a few runs probably does not want the paper's tables, which take days.
    """
    if len(missing) <= num_finished:
        return missing_run_commands(missing)
    tables = Counter(run.table for run in missing)
    return [
        (
            f"Table {table}: {count} more run{'s' * (count != 1)}, see "
            f"experiment={PRESETS[table]} in docs/sweeps.md",
            "",
        )
        for table, count in sorted(tables.items())
    ]


def missing_run_commands(missing: Sequence[MissingRun]) -> list[tuple[str, str]]:
    """Return descriptions and commands of missing runs, one for all budgets of a mechanism."""
    groups: dict[tuple[int, str, str, str], list[MissingRun]] = {}
    for run in missing:
        key = (run.table, run.attribute, run.mechanism, str(run.example.folder.path))
        groups.setdefault(key, []).append(run)
    lines = [
        (
            f"Table {table}: {mechanism} for {attribute} at epsilon "
            f"{', '.join(f'{run.epsilon:g}' for run in group)}",
            sweep_command(group),
        )
        for (table, attribute, mechanism, _), group in groups.items()
    ]
    return list(dict.fromkeys(lines))


def sweep_command(missing: Sequence[MissingRun]) -> str:
    """Return the command for runs that differ only in their budget.

    Its settings are those of the existing run or, if that does not record its overrides, the
    paper's preset.
    """
    first = missing[0]
    changes = {
        "attribute": first.attribute,
        "epsilon": ",".join(f"{run.epsilon:g}" for run in missing),
    }
    overrides = load_overrides(first.example.folder)
    if overrides is None:
        preset = [f"experiment={PRESETS[first.table]}", "data.root=PATH"]
        if first.table == 3:
            changes["privatizer"] = first.mechanism
        settings = [f"{key}={value}" for key, value in changes.items()]
        return train_command(["-m"], [*preset, *settings])
    changes["seed"] = str(first.example.seed)
    if first.table == 3:  # the filter alone is the baseline within the mechanism
        changes |= {"privatizer": first.mechanism, "baseline": "true"}
    # run_dir was the folder of the existing run
    replaced = {*changes, "run_dir"}
    unchanged = [o for o in overrides if o.lstrip("+").partition("=")[0] not in replaced]
    return train_command(
        ["-m"], [*unchanged, *(f"{key}={value}" for key, value in changes.items())]
    )
