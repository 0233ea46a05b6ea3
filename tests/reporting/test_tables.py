"""Tables 1 to 3: which runs are in which cell, and which of the paper's values."""

import csv
import io
import math
import re

import pandas as pd
import pytest
from sample_results import FILTER_AND_GENERATOR, measure, write_run

from privacy_gan.reporting import missing, paper_values
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.formats import FORMATS, to_latex, to_markdown
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.results import EMPTY, make_panels
from privacy_gan.reporting.tables import Table, make_tables, table_cells


def tables_below(folder, number):
    tables = make_tables(make_panels(all_evaluation_rows(find_runs(folder).finished)))
    return [table for table in tables if table.number == number]


def row(table, name):
    """Return the cells of a row, by column."""
    cells = table.cells
    return cells[cells["row"] == name].set_index("column")


def missing_run_commands(folder):
    return missing.missing_run_commands(missing_runs(folder))


def missing_runs(folder):
    panels = make_panels(all_evaluation_rows(find_runs(folder).finished))
    return missing.find_missing_runs(make_tables(panels))


def test_the_papers_values_are_those_of_the_paper():
    first, second, third = (getattr(paper_values, f"table{number}")() for number in (1, 2, 3))
    assert tuple(first.loc["0.001", "Smiling"]) == (0.824, 0.021)
    assert ("0.01", "Male") not in first.index  # an empty cell of the paper
    assert second.loc[("Heavy_Makeup", "Wearing_Lipstick"), "paper"] == 0.47
    assert second["paper_std"].isna().all()
    assert third.loc[("0.05", "filter_generator"), "paper"] == 0.541
    assert (len(first), len(second), len(third)) == (15, 28, 12)


def test_table_1_has_means_over_seeds_and_the_papers_values(tmp_path):
    for seed, success in enumerate((0.80, 0.84)):
        write_run(tmp_path, data="celeba-64", epsilon=0.001, seed=seed, success=success)
    (table,) = tables_below(tmp_path, 1)
    assert list(table.cells["row"].unique()) == ["0.001", "0.005", "0.01", "0.05"]
    cells = row(table, "0.001")
    assert list(cells.index) == ["Smiling", "Male", "Wearing_Lipstick", "Young"]
    cell = cells.loc["Smiling"]
    assert cell["mean"] == pytest.approx(0.82)
    assert cell["std"] == pytest.approx(0.04 / 2**0.5)
    assert cell["difference"] == pytest.approx(0.82 - 0.824)
    assert list(row(table, "0.05")["seeds"]) == [0] * 4


def test_missing_cells_have_the_command_that_fills_them(tmp_path):
    write_run(tmp_path, data="celeba-64", epsilon=0.001, baseline=0.85)
    commands = dict(missing_run_commands(tmp_path))
    assert commands["Table 1: filter_generator for Young at epsilon 0.001, 0.005, 0.01, 0.05"] == (
        "privacy-gan train -m experiment=table1 data.root=PATH attribute=Young "
        "epsilon=0.001,0.005,0.01,0.05"
    )
    # the paper's empty cell is not missing, and a run that two tables need is listed once
    assert "Table 1: filter_generator for Male at epsilon 0.001, 0.005, 0.05" in commands
    assert "Table 1: filter_generator for Smiling at epsilon 0.005, 0.01, 0.05" in commands
    assert not any("filter_generator for Smiling" in run for run in commands if "Table 3" in run)
    assert "Table 3: generator for Smiling at epsilon 0.001, 0.005, 0.01, 0.05" in commands


def test_a_few_runs_do_not_ask_for_all_runs_of_the_paper(tmp_path):
    write_run(tmp_path, data="celeba-64", epsilon=0.001, baseline=0.85)
    few = missing.describe_missing_runs(missing_runs(tmp_path), num_finished=1)
    assert [command for _, command in few] == ["", ""]
    assert few[0] == ("Table 1: 14 more runs, see experiment=table1 in docs/sweeps.md", "")
    most = missing.describe_missing_runs(missing_runs(tmp_path), num_finished=40)
    assert most == missing_run_commands(tmp_path)


def test_commands_repeat_the_overrides_of_an_existing_run(tmp_path):
    run = write_run(tmp_path, data="celeba-32", epsilon=0.001, seed=2)
    overrides = "[experiment=small, 'data.root=my faces', epsilon=0.001, seed=2, run_dir=here]"
    (run / "config.yaml").write_text(f"privatizer: {{}}\noverrides: {overrides}\n")
    commands = dict(missing_run_commands(tmp_path))
    assert commands["Table 3: generator for Smiling at epsilon 0.001, 0.005, 0.01, 0.05"] == (
        "privacy-gan train -m experiment=small 'data.root=my faces' attribute=Smiling "
        "epsilon=0.001,0.005,0.01,0.05 seed=2 privatizer=generator baseline=true"
    )


def test_runs_on_other_data_have_no_difference_and_none_are_missing(tmp_path):
    write_run(tmp_path, data="synthetic-faces-32", epsilon=0.001)
    (table,) = tables_below(tmp_path, 1)
    assert list(row(table, "0.001").index) == ["Smiling"]
    cell = row(table, "0.001").loc["Smiling"]
    assert cell["paper"] == 0.824
    assert math.isnan(cell["difference"])
    assert missing_run_commands(tmp_path) == []


def test_table_2_has_the_hidden_attribute_as_column(tmp_path):
    write_run(tmp_path, data="celeba-64")
    (table,) = tables_below(tmp_path, 2)
    (cell,) = table.cells.itertuples()
    assert (cell.row, cell.column, cell.mean) == ("Male", "Smiling", -0.2)
    assert cell.difference == pytest.approx(-0.2 + 0.07)


def test_table_3_uses_the_filter_within_the_mechanism(tmp_path):
    write_run(tmp_path, data="celeba-64", epsilon=0.05, leaks=0.6, baseline=0.7)
    write_run(tmp_path, "generator", data="celeba-64", epsilon=0.05, leaks=0.9)
    papers, strongest = tables_below(tmp_path, 3)
    cells = row(papers, "0.05")
    assert list(cells.index) == ["filter", "generator", "filter_generator"]
    assert list(cells["mean"]) == pytest.approx([0.68, 0.88, 0.58])  # one ResNet-10
    assert list(row(strongest, "0.05")["mean"]) == pytest.approx([0.7, 0.9, 0.6])
    assert list(cells["difference"]) == pytest.approx([0.68 - 0.692, 0.88 - 0.787, 0.58 - 0.541])
    assert strongest.cells["paper"].isna().all()  # the paper has one adversary


def test_table_3_uses_no_part_with_other_settings(tmp_path):
    write_run(tmp_path, data="celeba-64", setup={"width": 8})
    write_run(tmp_path, "generator", data="celeba-64", setup={"width": 16})
    papers, _ = tables_below(tmp_path, 3)
    assert list(row(papers, "0.01")["seeds"]) == [0, 0, 1]


def test_each_loss_has_its_own_table(tmp_path):
    write_run(tmp_path, data="celeba-64")
    write_run(tmp_path, "filter_generator-cross_entropy", data="celeba-64")
    assert len(tables_below(tmp_path, 1)) == 2
    assert "cross_entropy" in tables_below(tmp_path, 1)[0].variant


def test_attributes_share_a_table_if_only_one_of_them_has_runs_with_other_settings(tmp_path):
    write_run(tmp_path / "a", data="celeba-64", setup={"width": 8})
    write_run(tmp_path / "a", data="celeba-64", setup={"width": 8}, attribute="Male")
    write_run(tmp_path / "b", data="celeba-64", setup={"width": 16})
    measured = [list(row(table, "0.01")["seeds"]) for table in tables_below(tmp_path, 1)]
    assert sorted(measured) == [[1, 0, 0, 0], [1, 1, 0, 0]]


HOSTILE = r"a_b & 50% of {x} | $y$ # ~^\<b>"


def hostile(folder):
    """Return a table in which every name is hostile, with a value of the paper."""
    write_run(folder, HOSTILE.replace("/", ":"), data="celeba-64")
    (entry,) = all_evaluation_rows(find_runs(folder).finished)
    names = pd.MultiIndex.from_tuples([(HOSTILE, HOSTILE)], names=["row", "column"])
    paper = pd.DataFrame({"paper": [0.5], "paper_std": [0.01]}, index=names)
    cells = table_cells({HOSTILE: EMPTY, "Male": None}, [HOSTILE], paper, entry)
    return Table(1, HOSTILE, HOSTILE, "epsilon", cells, entry)


def test_latex_is_balanced_and_escaped(tmp_path):
    write_run(tmp_path, data="celeba-64", seed=0)
    write_run(tmp_path, data="celeba-64", seed=1)
    for table in (
        *tables_below(tmp_path, 1),
        *tables_below(tmp_path, 3),
        hostile(tmp_path / "hostile"),
    ):
        text = to_latex(table)
        unescaped = text.replace(r"\textbackslash{}", "").replace(r"\{", "").replace(r"\}", "")
        assert unescaped.count("{") == unescaped.count("}")
        assert re.findall(r"\\begin{(\w+)}", text) == re.findall(r"\\end{(\w+)}", text)[::-1]
        width = len(re.search(r"\\begin{tabular}{(\w+)}", text)[1])
        for line in text.splitlines():
            if line.endswith(r" \\") and "multicolumn" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == width - 1, line
        for sign in "%#_":
            assert not re.search(rf"(?<!\\){sign}", text), sign
        assert not re.search(r"(?<!\\)\$(?!\\pm\$|[ ){}])", text.replace(r"$\pm$", ""))
        assert text.isascii()


def test_markdown_is_escaped(tmp_path):
    text = to_markdown(hostile(tmp_path))
    header = next(line for line in text.splitlines() if line.startswith("| epsilon"))
    assert len(re.findall(r"(?<!\\)\|", header)) == 8  # seven columns
    assert "<b>" not in text


def test_csv_has_a_row_for_each_cell(tmp_path):
    write_run(tmp_path, data="celeba-64", epsilon=0.001, success=0.8)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](tables_below(tmp_path, 1)))))
    assert len(rows) == 16
    first = rows[0]
    assert (first["row"], first["column"], first["seeds"]) == ("0.001", "Smiling", "1")
    assert float(first["mean"]) == 0.8
    assert first["std"] == ""
    assert float(first["paper"]) == 0.824
    assert float(first["difference"]) == pytest.approx(-0.024)
    assert rows[1]["mean"] == ""


def test_only_measured_correlations_have_a_row(tmp_path):
    more = {"correlation/Male": measure(0.3), "correlation/Young": measure(0.1)}
    write_run(tmp_path, data="celeba-64", **more)
    (table,) = tables_below(tmp_path, 2)
    assert list(table.cells["mean"]) == [0.3, 0.1]
    assert "| 0.30 (1) | -0.07 | +0.37 |" in to_markdown(table)


def test_other_mechanisms_are_in_no_table(tmp_path):
    write_run(tmp_path, "blur", data="celeba-64")
    assert make_tables(make_panels(all_evaluation_rows(find_runs(tmp_path).finished))) == []
    assert set(FILTER_AND_GENERATOR) == {"privatizer.filter.loss", "privatizer.generator.rate"}
