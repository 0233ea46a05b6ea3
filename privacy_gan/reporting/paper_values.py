"""The paper's tables, to stand beside ours.

"Adversarial representation learning for synthetic replacement of private attributes": Tables 1 and
2 (section 5.1) and Table 3 (appendix A.2), CelebA at 64 pixels. Each cell, by its row and column,
is a value ``paper`` and, where it is printed, its standard deviation over runs, ``paper_std``.
Percentages are shares.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

ATTRIBUTES = ("Smiling", "Male", "Wearing_Lipstick", "Young")  # made sensitive, one at a time
TABLE_3_ATTRIBUTE = "Smiling"
MECHANISMS = ("filter", "generator", "filter_generator")
STD = "_std"  # ends the name of a column


def table1() -> pd.DataFrame:
    """Return success rates by budget and sensitive attribute."""
    return by_cell((read("table1_success_rate.csv") / 100).round(4))


def table2() -> pd.DataFrame:
    """Return correlations by the predicted and the sensitive attribute."""
    return by_cell(read("table2_correlation.csv"))


def table3() -> pd.DataFrame:
    """Return the accuracy of adversaries of Smiling by budget and mechanism."""
    return by_cell((read("table3_adversary_smiling.csv") / 100).round(4))


def read(name: str) -> pd.DataFrame:
    """Return a file's table; rows are named in its first column, by text."""
    with (files("privacy_gan.reporting") / "paper" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col=0, dtype={"epsilon": str})


def by_cell(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell that is not blank, by ``row`` and ``column``."""
    cells = table.rename_axis("row").melt(var_name="column", value_name="paper", ignore_index=False)
    cells = cells.set_index("column", append=True)
    is_std = cells.index.get_level_values("column").str.endswith(STD)
    std = cells[is_std].rename(index=lambda name: name.removesuffix(STD), level="column")
    return cells[~is_std].assign(paper_std=std["paper"]).dropna(subset="paper")
