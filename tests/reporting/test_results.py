"""The table of all results: panels, curves, and statistics over seeds."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_results import measure, write_run

from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.results import aggregate_over_seeds, hypervolume, make_panels

ROOT = Path(__file__).parents[2]


def panels_below(folder):
    return make_panels(all_evaluation_rows(find_runs(folder).finished))


def test_mean_and_spread_over_seeds():
    values_by_metric = {"a": [0.6, 0.7, 0.8], "b": [0.6, None], "c": [None]}
    rows = [
        {"metric": name, "value": value, "low": 0.5, "high": 0.9, "bound": ""}
        for name, values in values_by_metric.items()
        for value in values
    ]
    table = aggregate_over_seeds(pd.DataFrame(rows), "metric")
    assert list(table.index) == ["a", "b"]
    assert tuple(table.loc["a"][:-1]) == pytest.approx((0.7, 0.1, 3, 0.6, 0.8))
    # for one seed, the error bar is its interval over test images
    assert tuple(table.loc["b"][:-1]) == pytest.approx((0.6, math.nan, 1, 0.5, 0.9), nan_ok=True)


def test_a_mean_is_a_lower_bound_if_one_of_its_values_is():
    bounds = {"a": ["", ""], "b": ["", "at least"], "c": ["at least", "about"]}
    rows = [
        {"metric": name, "value": 0.6, "low": 0.5, "high": 0.9, "bound": bound}
        for name, values in bounds.items()
        for bound in values
    ]
    table = aggregate_over_seeds(pd.DataFrame(rows), "metric")
    assert dict(table["bound"]) == {"a": "", "b": "at least", "c": "about"}


def test_a_row_has_the_adversary_and_the_references_of_its_value(tmp_path):
    run = write_run(tmp_path, leaks=0.7)
    ((curve,),) = (panel.curves for panel in panels_below(tmp_path))
    rows = curve.results.set_index(["metric", "adversary", "queries"])
    references = ["value", "original", "majority_baseline", "correlation_baseline"]
    assert list(rows.loc[("privacy_loss", "strongest", 0), references]) == [0.7, 0.9, 0.5, 0.7]
    assert list(rows.loc[("utility/Male", "", 0), references]) == [0.8, 0.95, 0.55, 0.8]
    single = rows.loc[("privacy_loss", "resnet10", 4)]
    assert single["value"] == pytest.approx(0.68)
    assert math.isnan(single["original"])
    assert set(rows["run"]) == {str(run)}


def test_seeds_form_a_point_and_budgets_form_a_curve(tmp_path):
    for epsilon in (0.05, 0.001):
        for seed, leaks in enumerate((0.7, 0.8)):
            write_run(tmp_path, epsilon=epsilon, seed=seed, leaks=leaks)
    ((curve,),) = (panel.curves for panel in panels_below(tmp_path))
    assert curve.name == "filter_generator-entropy"
    table = curve.over_seeds("privacy_loss")
    assert list(table.index) == list(curve.points) == [0.001, 0.05]
    std = 0.1 / 2**0.5
    for _, point in table.iterrows():
        assert tuple(point[:-1]) == pytest.approx((0.75, std, 2, 0.75 - std, 0.75 + std))


def test_a_single_adversary_counts_at_its_largest_number_of_queries(tmp_path):
    write_run(tmp_path, leaks=0.7)
    ((curve,),) = (panel.curves for panel in panels_below(tmp_path))
    rows = curve.results[curve.results["adversary"] == "resnet10"]
    assert list(rows["queries"]) == [1, 4]
    assert tuple(curve.over_seeds("privacy_loss", "resnet10")["seeds"]) == (1,)
    assert curve.over_seeds("privacy_loss", "resnet10")["mean"].item() == pytest.approx(0.68)
    assert curve.over_seeds("privacy_loss")["mean"].item() == 0.7


def test_runs_with_different_settings_are_never_averaged(tmp_path):
    write_run(tmp_path / "a", setup={"width": 16})
    write_run(tmp_path / "b", setup={"width": 32}, seed=1)
    (panel,) = panels_below(tmp_path)
    assert [curve.name for curve in panel.curves] == [
        "filter_generator-entropy, width=16",
        "filter_generator-entropy, width=32",
    ]


def test_runs_that_cannot_be_compared_are_in_different_panels(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", settings={"judge.max_epochs": 2})
    write_run(tmp_path / "c", data="celeba-64")
    write_run(tmp_path / "d", attribute="Male")
    assert [panel.title for panel in panels_below(tmp_path)] == [  # the paper's order of attributes
        "Smiling in faces-64, judged with judge.max_epochs=4",
        "Smiling in faces-64, judged with judge.max_epochs=2",
        "Smiling in celeba-64",
        "Male in faces-64",
    ]


def test_the_filter_alone_has_its_own_curve(tmp_path):
    write_run(tmp_path, leaks=0.7, baseline=0.85)
    (panel,) = panels_below(tmp_path)
    assert [curve.name for curve in panel.curves] == [
        "filter_generator-entropy",
        "filter_generator-entropy's filter alone",
    ]


def test_a_run_that_was_judged_twice_counts_once(tmp_path):
    write_run(tmp_path / "a", leaks=0.7)
    duplicate = write_run(tmp_path / "b", leaks=0.9)
    (panel,) = panels_below(tmp_path)
    assert panel.curves[0].over_seeds("privacy_loss")["mean"].item() == 0.7
    assert [entry.folder.path for entry in panel.duplicates] == [duplicate]


def test_the_hypervolume_is_computed_for_each_seed_if_all_seeds_have_all_budgets(tmp_path):
    # the rectangle's edges are 0.9 and 0.5, 0.55 and 0.95
    write_run(tmp_path, seed=0, leaks=0.7, utility=0.75)  # a half of both
    write_run(tmp_path, seed=1, leaks=0.5, utility=0.75)
    (panel,) = panels_below(tmp_path)
    assert list(panel.hypervolume(panel.curves[0])) == pytest.approx([0.25, 0.5])
    write_run(tmp_path, seed=0, leaks=0.9, utility=0.95, epsilon=0.001)
    (panel,) = panels_below(tmp_path)
    # else for the mean point, (0.6, 0.75)
    assert list(panel.hypervolume(panel.curves[0])) == pytest.approx([0.75 * 0.5])


def test_without_references_there_is_no_hypervolume(tmp_path):
    write_run(tmp_path, utility_score=measure(0.8))
    (panel,) = panels_below(tmp_path)
    assert panel.hypervolume_corners() is None
    assert panel.hypervolume(panel.curves[0]) is None


UNIT = ((1.0, 0.0), (0.0, 1.0))  # reference: all leaks, no utility; ideal: no leak, full utility


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0),
        ([(1, 0)], 0),  # the reference itself
        ([(0, 1)], 1),  # the ideal
        ([(0.5, 0.5)], 0.25),
        ([(0.25, 0.5), (0.5, 0.75)], 0.75 * 0.5 + 0.5 * 0.25),  # two steps of a staircase
        ([(0.5, 0.75), (0.25, 0.5), (0.5, 0.5), (0.9, 0.1)], 0.5),  # dominated points add nothing
        ([(1.5, 0.5)], 0),  # worse than the reference
        ([(-1, 2)], 1),  # better than the ideal counts as the ideal
    ],
)
def test_the_hypervolume_of_known_shapes(points, area):
    assert hypervolume(points, *UNIT) == pytest.approx(area)


def test_the_hypervolume_is_a_share_of_the_rectangle():
    corners = ((0.9, 0.55), (0.5, 0.95))
    assert hypervolume([(0.7, 0.75)], *corners) == pytest.approx(0.25)


share = st.floats(0, 1)


@given(st.lists(st.tuples(share, share), max_size=6), st.tuples(share, share))
def test_another_point_never_decreases_the_hypervolume(points, another):
    before, after = hypervolume(points, *UNIT), hypervolume([*points, another], *UNIT)
    assert before - 1e-12 <= after <= before + (1 - another[0]) * another[1] + 1e-12


def test_the_notebook_example_of_the_docs_works(tmp_path, monkeypatch):
    for seed, leaks in enumerate((0.7, 0.8)):
        write_run(tmp_path / "outputs/quick", leaks=leaks, seed=seed, baseline=0.85)
    make_report(tmp_path / "outputs/quick", tmp_path / "outputs/quick/report", with_faces=False)
    text = (ROOT / "docs/report.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    variables = {}
    exec(code, variables)
    assert variables["leaks"].loc[("Smiling", "filter_generator-entropy"), 0.01] == pytest.approx(
        0.75
    )
    columns = re.findall(r"^\| `(\w+)`", text[text.index("## In a notebook") :], re.MULTILINE)
    assert columns == list(variables["results"].columns)
