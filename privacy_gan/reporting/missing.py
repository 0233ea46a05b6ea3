"""What a report lacks, and which commands would make it."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from privacy_gan.errors import UserError
from privacy_gan.reporting.paper_values import TABLE_3_ATTRIBUTE
from privacy_gan.reporting.records import EvaluationRow, RunsFound
from privacy_gan.reporting.results import Panel
from privacy_gan.reporting.tables import Table, of_any_attribute
from privacy_gan.runs.folder import RunFolder

Missing = list[tuple[str, list[tuple[str, str]]]]  # headings, each with what and by which command
PRESETS = {1: "table1", 3: "table3"}  # Table 2 is made of Table 1's runs


class MissingRun(NamedTuple):
    """A run that would fill cells of the paper's tables, and that nobody made.

    Attributes:
        table: the first one's number.
        attribute: the hidden one.
        epsilon: the budget.
        mechanism: which.
        like: a run of the same kind, which differs in these.
    """

    table: int
    attribute: str
    epsilon: float
    mechanism: str
    like: EvaluationRow


def missing_from(
    found: RunsFound, tables: Sequence[Table], unseen: Sequence[str], panels: Sequence[Panel]
) -> Missing:
    """Return what is missing, by kind; nothing of a kind leaves its heading out.

    Args:
        found: below the report's folder.
        tables: the paper's, measured.
        unseen: pictures that cannot be read, a line each.
        panels: which leave out what was judged twice.
    """
    kinds: Missing = [
        ("Not finished", [(str(run.path), command_of(run)) for run in found.unfinished]),
        ("Unreadable", [(line, "") for line in (*found.unreadable, *unseen)]),
        ("In the paper, and not here", describe_missing_runs(missing_runs(tables), len(found.finished))),
        *(
            (
                f"Left out of {panel.title}, for it was judged twice",
                [(str(each.folder.path), "") for each in panel.repeated],
            )
            for panel in panels
        ),
    ]
    return [(heading, entries) for heading, entries in kinds if entries]


def missing_line(what: str, command: str) -> str:
    """Return what is missing as a terminal shows it, and which command would make it."""
    return f"  {what}" + (f"\n    {command}" if command else "")


def missing_runs(tables: Sequence[Table]) -> list[MissingRun]:
    """Return the runs that cells of the paper's tables lack, each once.

    Nobody lacks Table 2, which is made of Table 1's runs; the filter comes with the whole.
    """
    runs: dict[tuple[str, float, str, str], MissingRun] = {}
    for table in sorted(tables, key=lambda table: table.number):
        if table.number not in PRESETS or not table.like.on_celeba:
            continue
        alike = json.dumps(of_any_attribute(table.like), sort_keys=True)
        cells = table.cells[(table.cells["seeds"] == 0) & table.cells["paper"].notna()]
        for cell in cells.itertuples():
            if table.number == 1:
                attribute, mechanism = cell.column, "filter_generator"
            else:
                attribute, mechanism = TABLE_3_ATTRIBUTE, cell.column
            if mechanism == "filter":
                mechanism = "filter_generator"
            epsilon = float(cell.row)
            lacking = MissingRun(table.number, attribute, epsilon, mechanism, table.like)
            runs.setdefault((attribute, epsilon, mechanism, alike), lacking)
    return list(runs.values())


def command_of(run: RunFolder) -> str:
    """Return the command that goes on with a run, "" where it is not known."""
    overrides = overrides_of(run)
    return "" if overrides is None else command([], overrides)


def overrides_of(run: RunFolder) -> list[str] | None:
    """Return what was typed to make a run; None where nothing says so."""
    try:
        typed = run.config().get("overrides")
    except UserError:
        return None
    return None if typed is None else [str(override) for override in typed]


def command(flags: Sequence[str], overrides: Sequence[str]) -> str:
    """Return a command for a shell."""
    return shlex.join(["privacy-gan", "train", *flags, *overrides])


def describe_missing_runs(lacking: Sequence[MissingRun], finished: int) -> list[tuple[str, str]]:
    """Return runs that the paper's tables have and a sweep lacks.

    Who has made most of them gets the commands for the others. Whoever has not did not set out to
    make the paper's tables, and is not told to spend days on them.
    """
    if len(lacking) <= finished:
        return missing_run_commands(lacking)
    tables = Counter(each.table for each in lacking)
    return [
        (f"Table {table}: {count} runs more, see experiment={PRESETS[table]} in docs/sweeps.md", "")
        for table, count in sorted(tables.items())
    ]


def missing_run_commands(lacking: Sequence[MissingRun]) -> list[tuple[str, str]]:
    """Return runs that the paper's tables have and a sweep lacks, budgets together."""
    alike: dict[tuple[int, str, str, str], list[MissingRun]] = {}
    for each in lacking:
        key = (each.table, each.attribute, each.mechanism, str(each.like.folder.path))
        alike.setdefault(key, []).append(each)
    lines = [
        (
            f"Table {table}: {mechanism} for {attribute} at epsilon "
            f"{', '.join(f'{each.epsilon:g}' for each in some)}",
            command_for(some),
        )
        for (table, attribute, mechanism, _), some in alike.items()
    ]
    return list(dict.fromkeys(lines))


def command_for(lacking: Sequence[MissingRun]) -> str:
    """Return a command for runs that differ in their budget only.

    They are made as the run is that they are to stand beside; where nothing says how that was, as
    the paper's are.
    """
    first = lacking[0]
    changes = {
        "attribute": first.attribute,
        "epsilon": ",".join(f"{each.epsilon:g}" for each in lacking),
    }
    typed = overrides_of(first.like.folder)
    if typed is None:
        preset = [f"experiment={PRESETS[first.table]}", "data.root=PATH"]
        parts = {"privatizer": first.mechanism} if first.table == 3 else {}
        return command(["-m"], [*preset, *(f"{k}={v}" for k, v in {**changes, **parts}.items())])
    changes["seed"] = str(first.like.seed)
    if first.table == 3:  # whose filter is judged as part of the whole
        changes |= {"privatizer": first.mechanism, "baseline": "true"}
    # a folder of its own was that run's alone
    kept = [o for o in typed if o.lstrip("+").partition("=")[0] not in {*changes, "run_dir"}]
    return command(["-m"], [*kept, *(f"{key}={value}" for key, value in changes.items())])
