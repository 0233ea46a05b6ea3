"""The paper's tables, to stand beside ours.

"Adversarial representation learning for synthetic replacement of private attributes": Tables 1 and
2 (section 5.1) and Table 3 (appendix A.2), CelebA at 64 pixels. Percentages are kept as shares.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

ATTRIBUTES = ("Smiling", "Male", "Wearing_Lipstick", "Young")  # made sensitive, one at a time
TABLE_3_ATTRIBUTE = "Smiling"
MECHANISMS = ("filter", "generator", "filter_generator")


@dataclass(frozen=True)
class Printed:
    """A number as the paper prints it.

    Attributes:
        value: a share, or a correlation.
        std: its standard deviation over runs, where there is one.
    """

    value: float
    std: float | None = None


def table1() -> dict[tuple[float, str], Printed]:
    """Return success rates by budget and sensitive attribute."""
    return {
        (float(row["epsilon"]), name): Printed(share(row[name]), share(row[f"{name}_std"]))
        for row in rows_of("table1_success_rate.csv")
        for name in ATTRIBUTES
        if row[name]
    }


def table2() -> dict[tuple[str, str], Printed]:
    """Return correlations by the predicted and the sensitive attribute."""
    return {
        (row["predicted"], name): Printed(float(row[name]))
        for row in rows_of("table2_correlation.csv")
        for name in ATTRIBUTES
    }


def table3() -> dict[tuple[float, str], Printed]:
    """Return the accuracy of adversaries of Smiling by budget and mechanism."""
    return {
        (float(row["epsilon"]), name): Printed(share(row[name]))
        for row in rows_of("table3_adversary_smiling.csv")
        for name in MECHANISMS
    }


def share(percentage: str) -> float:
    """Return a percentage as a share, with no more digits than it has."""
    return round(float(percentage) / 100, 4)


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """Yield a file's rows."""
    text = (files("privacy_gan.reporting") / "paper" / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
