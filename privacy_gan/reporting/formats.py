"""Formats the paper's tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from privacy_gan.reporting.lower_bounds import BOUND_NOTES
from privacy_gan.reporting.tables import Table

SUBCOLUMNS = ["measured", "paper", "difference"]
NOTE = (
    "Measured: mean ± standard deviation over seeds (number of seeds). Difference: measured minus "
    "paper, only on CelebA."
)
CSV_COLUMNS = [
    *("table", "variant", "row", "column", "mean", "std", "seeds", "bound"),
    *("paper", "paper_std", "difference"),
]


def table_texts(table: Table) -> pd.DataFrame:
    """Return the cells as text: two levels of columns, the lower one being SUBCOLUMNS.

    Without values of the paper, "measured" is the only subcolumn.
    """
    subcolumns = SUBCOLUMNS if table.shows_paper else SUBCOLUMNS[:1]
    by_column = {
        name: pd.DataFrame(
            [cell_texts(cell, table.is_share) for cell in cells.itertuples()],
            index=cells["row"],
            columns=SUBCOLUMNS,
        )[subcolumns]
        for name, cells in table.cells.groupby("column", sort=False)
    }
    return pd.concat(by_column, axis=1)


def cell_texts(cell: Any, is_share: bool) -> tuple[str, str, str]:
    """Return a cell's subcolumns as text, shares in percent."""
    scale, digits = (100, 1) if is_share else (1, 2)

    def number(value: float, sign: str = "") -> str:
        return "-" if pd.isna(value) else f"{value * scale:{sign}z.{digits}f}"  # z: no -0

    def with_std(value: float, std: float) -> str:
        return number(value) if pd.isna(std) else f"{number(value)} ± {number(std)}"

    bound = f"{cell.bound} " if cell.bound else ""
    return (
        f"{bound}{with_std(cell.mean, cell.std)} ({cell.seeds})" if cell.seeds else "-",
        with_std(cell.paper, cell.paper_std),
        number(cell.difference, "+"),
    )


def caption_with_unit(table: Table) -> str:
    """Return a table's caption and the unit of its numbers."""
    return f"{table.caption}{' In percent.' if table.is_share else ''}"


def note_with_bounds(table: Table) -> str:
    """Return the note on a table's numbers, with the meaning of "at least" if one is that."""
    bounds = set(table.cells["bound"])
    notes = [note for prefix, note in BOUND_NOTES.items() if prefix.strip() in bounds]
    return " ".join([NOTE, *(f"{note[0].upper()}{note[1:]}." for note in notes)])


def to_markdown(table: Table) -> str:
    """Return a table in GitHub's Markdown; the subcolumn "measured" has the column's name."""
    cells = table_texts(table)
    header = [name if word == SUBCOLUMNS[0] else word for name, word in cells.columns]
    ruler = ["---", *["---:"] * len(header)]
    rows = [[table.corner, *header], *map(list, cells.itertuples(name=None))]
    first, *lines = (f"| {' | '.join(map(escape_markdown, row))} |" for row in rows)
    return "\n".join(
        [
            f"### Table {table.number}: {escape_markdown(table.variant)}",
            "",
            f"{escape_markdown(caption_with_unit(table))} {note_with_bounds(table)}",
            "",
            first,
            f"| {' | '.join(ruler)} |",
            *lines,
        ]
    )


def escape_markdown(text: str) -> str:
    """Return text without special characters of Markdown and HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text).replace("\n", " ")


LATEX: dict[str, str | int | None] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "\n": " ",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


def escape_latex(text: str) -> str:
    """Return text without special characters of LaTeX."""
    return text.translate(str.maketrans(LATEX))


def to_latex(table: Table) -> str:
    """Return a table for LaTeX with the package booktabs."""
    cells = table_texts(table).rename_axis(index=None)
    if not table.shows_paper:
        cells = cells.droplevel(1, axis=1)
    names = [table.corner, *[None] * (cells.columns.nlevels - 1)]
    cells = cells.rename_axis(columns=names).map(escape_latex)
    for axis in ("index", "columns"):
        cells = cells.rename(escape_latex, axis=axis)
    return str(
        cells.style.to_latex(
            column_format=f"l{'r' * len(cells.columns)}",
            position_float="centering",
            hrules=True,
            multicol_align="c",
            caption=escape_latex(
                f"{caption_with_unit(table)} {table.variant}. {note_with_bounds(table)}"
            ),
        )
    ).rstrip()


def cells_table(tables: Sequence[Table]) -> pd.DataFrame:
    """Return a row for each cell of tables with the same number; shares from 0 to 1."""
    cells = [each.cells.assign(table=each.number, variant=each.variant) for each in tables]
    return pd.concat(cells, ignore_index=True)[CSV_COLUMNS]


def to_csv(table: pd.DataFrame, digits: int = 6) -> str:
    """Return a table as CSV with a number of significant digits."""
    return str(table.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n"))


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": lambda tables: "\n\n".join(map(to_markdown, tables)) + "\n",
    "tex": lambda tables: "\n\n".join(map(to_latex, tables)) + "\n",
    "csv": lambda tables: to_csv(cells_table(tables)),
}
