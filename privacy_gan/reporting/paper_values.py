"""The values of the paper's tables.

"Adversarial representation learning for synthetic replacement of private attributes": Tables 1 and
2 (section 5.1) and Table 3 (appendix A.2), on CelebA at 64 pixels. Cells are indexed by row and
column, and have a value ``paper`` and, if it is printed, its standard deviation over runs,
``paper_std``. Percentages are converted to shares.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

ATTRIBUTES = ("Smiling", "Male", "Wearing_Lipstick", "Young")  # sensitive, one at a time
TABLE_3_ATTRIBUTE = "Smiling"
MECHANISMS = ("filter", "generator", "filter_generator")
STD = "_std"  # suffix of columns


def table1() -> pd.DataFrame:
    """Return success rates by budget and sensitive attribute."""
    return by_cell((read("table1_success_rate.csv") / 100).round(4))


def table2() -> pd.DataFrame:
    """Return correlations by predicted attribute and sensitive attribute."""
    return by_cell(read("table2_correlation.csv"))


def table3() -> pd.DataFrame:
    """Return adversaries' accuracies of predicting Smiling, by budget and mechanism."""
    return by_cell((read("table3_adversary_smiling.csv") / 100).round(4))


def read(name: str) -> pd.DataFrame:
    """Read a table; its first column names the rows."""
    with (files("privacy_gan.reporting") / "paper" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col=0, dtype={"epsilon": str})


def by_cell(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell that is not empty, indexed by ``row`` and ``column``."""
    cells = table.rename_axis("row").melt(var_name="column", value_name="paper", ignore_index=False)
    cells = cells.set_index("column", append=True)
    is_std = cells.index.get_level_values("column").str.endswith(STD)
    std = cells[is_std].rename(index=lambda name: name.removesuffix(STD), level="column")
    return cells[~is_std].assign(paper_std=std["paper"]).dropna(subset="paper")
