"""Tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence

from privacy_gan.reporting.paper_values import Printed
from privacy_gan.reporting.seeds import OverSeeds
from privacy_gan.reporting.tables import Cell, Table

SUBCOLUMNS = ("measured", "paper", "difference")
NOTE = (
    "measured: mean ± standard deviation over seeds (number of seeds); difference: measured less "
    "the paper's, where both are of CelebA."
)
CSV_COLUMNS = (
    *("table", "variant", "row", "column", "mean", "std", "seeds"),
    *("paper", "paper_std", "difference"),
)


def cell_texts(cell: Cell, is_share: bool) -> tuple[str, str, str]:
    """Return a cell's subcolumns, in percent where the table's are shares."""
    scale, digits = (100, 1) if is_share else (1, 2)

    def number(value: float, sign: str = "") -> str:
        return f"{value * scale:{sign}z.{digits}f}"  # z: no minus before 0

    def with_std(value: float, std: float | None) -> str:
        return number(value) if std is None else f"{number(value)} ± {number(std)}"

    measured, printed = cell.measured, cell.printed
    return (
        "-" if measured is None else f"{with_std(measured.mean, measured.std)} ({measured.seeds})",
        "-" if printed is None else with_std(printed.value, printed.std),
        "-" if cell.difference is None else number(cell.difference, "+"),
    )


def shows_paper(table: Table) -> bool:
    """Tell whether the paper has something to stand beside a table."""
    return any(cell.printed for cells in table.rows.values() for cell in cells)


def texts(table: Table) -> Iterator[tuple[str, list[str]]]:
    """Yield rows: the name, and the texts of all subcolumns."""
    shown = len(SUBCOLUMNS) if shows_paper(table) else 1
    for name, cells in table.rows.items():
        yield name, [text for c in cells for text in cell_texts(c, table.is_share)[:shown]]


def markdown(table: Table) -> str:
    """Return a table as GitHub shows it."""
    more = list(SUBCOLUMNS[1:]) if shows_paper(table) else []
    header = [table.corner, *(word for name in table.columns for word in (name, *more))]
    rows = [[name, *row] for name, row in texts(table)]
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    unit = " In percent." if table.is_share else ""
    return "\n".join(
        [
            f"### Table {table.number}: {markdown_escaped(table.variant)}",
            "",
            f"{markdown_escaped(table.caption)}{unit} {NOTE}",
            "",
            *(f"| {' | '.join(map(markdown_escaped, line))} |" for line in lines),
        ]
    )


def markdown_escaped(text: str) -> str:
    """Return text in which nothing means something to Markdown or HTML."""
    if re.fullmatch(r":?-+:?", text):
        return text
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text).replace("\n", " ")


LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


def latex_escaped(text: str) -> str:
    """Return text in which nothing means something to LaTeX."""
    return "".join(LATEX.get(sign, sign) for sign in text).replace("\n", " ")


def latex(table: Table) -> str:
    """Return a table for LaTeX with the package booktabs."""
    more = SUBCOLUMNS[1:] if shows_paper(table) else ()
    width = 1 + len(more)
    groups = " & ".join(
        f"\\multicolumn{{{width}}}{{c}}{{{latex_escaped(name)}}}" for name in table.columns
    )
    subcolumns = " & ".join(["measured", *more] * len(table.columns))
    unit = " In percent." if table.is_share else ""
    caption = f"{table.caption}{unit} {table.variant}. {NOTE}"
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex_escaped(caption)}}}",
            f"  \\begin{{tabular}}{{l{'r' * width * len(table.columns)}}}",
            r"    \toprule",
            f"    {latex_escaped(table.corner)} & {groups} \\\\",
            *([f"    & {subcolumns} \\\\"] if more else []),
            r"    \midrule",
            *(
                f"    {' & '.join(map(latex_escaped, (name, *row)))} \\\\"
                for name, row in texts(table)
            ),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def csv_text(tables: Sequence[Table]) -> str:
    """Return tables of one number as CSV, a row for each cell; shares from 0 to 1."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([CSV_COLUMNS, *cells_of(tables)])
    return file.getvalue()


def cells_of(tables: Sequence[Table]) -> Iterator[list[str | int]]:
    """Yield a row for each cell, as ``CSV_COLUMNS`` says."""
    for table in tables:
        for row, cells in table.rows.items():
            for column, cell in zip(table.columns, cells, strict=True):
                measured = cell.measured or OverSeeds(math.nan, None, 0)
                printed = cell.printed or Printed(math.nan)
                values = (measured.mean, measured.std, measured.seeds)
                papers = (printed.value, printed.std, cell.difference)
                numbers = map(plain, (*values, *papers))
                yield [table.number, table.variant, row, column, *numbers]


def plain(value: float | None) -> str:
    """Return a number with all digits that mean something, "" for none."""
    return "" if value is None or value != value else f"{value:.6g}"


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": lambda tables: "\n\n".join(map(markdown, tables)) + "\n",
    "tex": lambda tables: "\n\n".join(map(latex, tables)) + "\n",
    "csv": csv_text,
}
