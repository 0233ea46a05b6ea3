"""Tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from privacy_gan.reporting.tables import Table

SUBCOLUMNS = ["measured", "paper", "difference"]
NOTE = (
    "measured: mean ± standard deviation over seeds (number of seeds); difference: measured less "
    "the paper's, where both are of CelebA."
)
CSV_COLUMNS = [
    *("table", "variant", "row", "column", "mean", "std", "seeds"),
    *("paper", "paper_std", "difference"),
]


def texts(table: Table) -> pd.DataFrame:
    """Return what is shown in each row, under each column ``SUBCOLUMNS``, or the first of these."""
    shown = SUBCOLUMNS if table.shows_paper else SUBCOLUMNS[:1]
    by_column = {
        name: pd.DataFrame(
            [cell_texts(cell, table.is_share) for cell in cells.itertuples()],
            index=cells["row"],
            columns=SUBCOLUMNS,
        )[shown]
        for name, cells in table.cells.groupby("column", sort=False)
    }
    return pd.concat(by_column, axis=1)


def cell_texts(cell: Any, is_share: bool) -> tuple[str, str, str]:
    """Return a cell's subcolumns, in percent where the table's are shares."""
    scale, digits = (100, 1) if is_share else (1, 2)

    def number(value: float, sign: str = "") -> str:
        return "-" if pd.isna(value) else f"{value * scale:{sign}z.{digits}f}"  # z: no -0

    def with_std(value: float, std: float) -> str:
        return number(value) if pd.isna(std) else f"{number(value)} ± {number(std)}"

    return (
        f"{with_std(cell.mean, cell.std)} ({cell.seeds})" if cell.seeds else "-",
        with_std(cell.paper, cell.paper_std),
        number(cell.difference, "+"),
    )


def caption(table: Table) -> str:
    """Return what a table's numbers are, and in what."""
    return f"{table.caption}{' In percent.' if table.is_share else ''}"


def markdown(table: Table) -> str:
    """Return a table as GitHub shows it; "measured" stands for itself under the column's name."""
    shown = texts(table)
    header = [name if word == SUBCOLUMNS[0] else word for name, word in shown.columns]
    ruler = ["---", *["---:"] * len(header)]
    rows = [[table.corner, *header], *map(list, shown.itertuples(name=None))]
    first, *lines = (f"| {' | '.join(map(markdown_escaped, row))} |" for row in rows)
    return "\n".join(
        [
            f"### Table {table.number}: {markdown_escaped(table.variant)}",
            "",
            f"{markdown_escaped(caption(table))} {NOTE}",
            "",
            first,
            f"| {' | '.join(ruler)} |",
            *lines,
        ]
    )


def markdown_escaped(text: str) -> str:
    """Return text in which nothing means something to Markdown or HTML."""
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


def latex_escaped(text: str) -> str:
    """Return text in which nothing means something to LaTeX."""
    return text.translate(str.maketrans(LATEX))


def latex(table: Table) -> str:
    """Return a table for LaTeX with the package booktabs."""
    shown = texts(table).rename_axis(index=None)
    if not table.shows_paper:
        shown = shown.droplevel(1, axis=1)
    names = [table.corner, *[None] * (shown.columns.nlevels - 1)]
    shown = shown.rename_axis(columns=names).map(latex_escaped)
    for axis in ("index", "columns"):
        shown = shown.rename(latex_escaped, axis=axis)
    return str(
        shown.style.to_latex(
            column_format=f"l{'r' * len(shown.columns)}",
            position_float="centering",
            hrules=True,
            multicol_align="c",
            caption=latex_escaped(f"{caption(table)} {table.variant}. {NOTE}"),
        )
    ).rstrip()


def csv_table(tables: Sequence[Table]) -> pd.DataFrame:
    """Return a row for each cell of tables of one number; shares from 0 to 1."""
    cells = [each.cells.assign(table=each.number, variant=each.variant) for each in tables]
    return pd.concat(cells, ignore_index=True)[CSV_COLUMNS]


def csv_text(table: pd.DataFrame, digits: int = 6) -> str:
    """Return a table as CSV, with all digits that mean something."""
    return str(table.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n"))


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": lambda tables: "\n\n".join(map(markdown, tables)) + "\n",
    "tex": lambda tables: "\n\n".join(map(latex, tables)) + "\n",
    "csv": lambda tables: csv_text(csv_table(tables)),
}
