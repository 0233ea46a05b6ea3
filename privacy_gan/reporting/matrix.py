"""The differences of many mechanisms as a matrix: rows less columns, those beyond chance marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy_gan.reporting.difference import MEASURES, Difference
from privacy_gan.reporting.judged import at_budget
from privacy_gan.reporting.summary import aligned

SENTENCES = 3  # pairs that are told in sentences
REAL = "*"  # marks what chance does not explain


@dataclass(frozen=True)
class Matrix:
    """How far mechanisms are apart in one measure, at one budget.

    Attributes:
        title: the measure and the budget.
        names: of the mechanisms, rows and columns.
        cells: the row's less the column's, in percentage points, signed, "*" behind what is more
            than chance; "" where the two were not compared.
    """

    title: str
    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """Return the matrix for a terminal; numbers stand for the columns' names."""
        numbered = [f"{number} {name}" for number, name in enumerate(self.names, 1)]
        header = ["", *(str(number) for number in range(1, len(self.names) + 1))]
        rows = [[name, *cells] for name, cells in zip(numbered, self.cells, strict=True)]
        return [self.title, *aligned([header, *rows])]


def is_many(differences: Sequence[Difference]) -> bool:
    """Tell whether there are more mechanisms than sentences can compare."""
    return len({each.names for each in differences}) > SENTENCES


def matrices(differences: Sequence[Difference]) -> list[Matrix]:
    """Return a matrix for each measure and budget."""
    groups: dict[tuple[str, float], list[Difference]] = {}
    for each in differences:
        groups.setdefault((each.measure, each.epsilon), []).append(each)
    return [
        matrix(f"{MEASURES[measure][1]} {at_budget(epsilon)}", some)
        for (measure, epsilon), some in groups.items()
    ]


def matrix(title: str, differences: Sequence[Difference]) -> Matrix:
    """Return the matrix of differences in one measure at one budget."""
    names = tuple(dict.fromkeys(name for each in differences for name in each.names))
    found = {each.names: each for each in differences}

    def cell(row: str, column: str) -> str:
        if (each := found.get((row, column))) is not None:
            return points(each.value, each)
        if (each := found.get((column, row))) is not None:
            return points(-each.value, each)
        return ""

    return Matrix(
        f"{title}: row less column, percentage points",
        names,
        tuple(tuple(cell(row, column) for column in names) for row in names),
    )


def points(value: float, difference: Difference) -> str:
    """Return a difference in percentage points, marked where it is more than chance."""
    return f"{100 * value:+.1f}{'' if difference.is_explained else REAL}"
