"""Learning curves in the report: what is plotted, what is left out, and what notes say."""

import math
from dataclasses import replace

import pytest
from sample_results import learning_curve, learning_curves, write_run

from privacy_gan.reporting import learning_figure
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.learning_curves import make_learning_plots, missing_curves_note
from privacy_gan.reporting.learning_figure import draw_learning_curves, draw_plot
from privacy_gan.reporting.page_learning import learning_data, without_curves
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.results import make_panels
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import RETRAINED
from privacy_gan.runs.learning_curve import LearningCurve, Stage


def panel_of(folder, *curves):
    """Return the panel of runs with these curves, one for each seed."""
    for seed, each in enumerate(curves):
        write_run(folder, seed=seed, curves=each)
    (panel,) = make_panels(all_evaluation_rows(find_runs(folder).finished))
    return panel


def plot_of(folder, curves):
    (plot,) = make_learning_plots(panel_of(folder, curves))
    return plot


def scaled(curve, factor):
    """Return a curve with all bits multiplied by a factor."""
    stages = tuple(
        replace(stage, bits=Estimate(*(factor * each for each in vars(stage.bits).values())))
        for stage in curve.stages
    )
    return replace(curve, stages=stages)


def test_there_is_a_line_for_each_adversary_but_not_for_the_retrained_classifier(tmp_path):
    curves = learning_curves()
    plot = plot_of(tmp_path, curves)
    assert plot.title == "filter_generator-entropy at epsilon 0.01, seed 0"
    assert [line.network for line in plot.censored] == ["resnet18", "resnet10"]  # best first
    assert {line.network: line.stages for line in plot.censored} == {
        name: curves["censored"][name].stages for name in ("resnet10", "resnet18")
    }
    assert [line.network for line in plot.original] == ["resnet10", "resnet18"]
    assert plot.notes == (
        "The adversaries were done.",
        "The retrained classifier ended after 4 epochs: done.",
    )


def test_an_adversary_in_closed_form_has_no_line_and_a_note(tmp_path):
    curves = learning_curves()
    curves["censored"]["kernel_ridge"] = LearningCurve((), "done")
    plot = plot_of(tmp_path, curves)
    assert "kernel_ridge" not in {line.network for line in plot.censored}
    assert "Fitted in closed form, without a curve: kernel_ridge." in plot.notes


def test_stages_without_a_finite_value_are_left_out(tmp_path):
    curves = learning_curves()
    nan = Stage(8, 8000, Estimate(math.nan, math.nan, math.nan), None)
    stages = curves["censored"]["resnet10"].stages
    curves["censored"]["resnet10"] = LearningCurve((*stages, nan), "max_epochs")
    by_name = {line.network: line for line in plot_of(tmp_path, curves).censored}
    assert by_name["resnet10"].stages == stages


@pytest.mark.parametrize(("factor", "is_drawn"), [(0.3, True), (0.2, False)])
def test_originals_that_would_flatten_the_censored_curves_are_not_drawn(factor, is_drawn, tmp_path):
    """They are left out if they learn more than four times as much."""
    curves = learning_curves()
    curves["censored"] = {name: scaled(curve, factor) for name, curve in curves["censored"].items()}
    plot = plot_of(tmp_path, curves)
    assert bool(plot.drawn_originals) == is_drawn
    note = "On original images, not shown, they learn up to 0.263 bits."
    assert (note in plot.notes) != is_drawn


def test_a_strongest_adversary_that_was_dropped_is_named(tmp_path):
    curves = learning_curves()
    curves["censored"]["resnet18"] = learning_curve("dropped", first_bits=0.2)
    notes = plot_of(tmp_path, curves).notes
    assert notes[:2] == (
        "The adversaries were done.",
        "The strongest on validation images had been dropped, so its values are lower bounds: "
        "resnet18.",
    )


def test_evaluations_without_curves_have_no_plot_and_are_counted(tmp_path):
    panel = panel_of(tmp_path / "some", learning_curves(), {}, {})
    assert len(make_learning_plots(panel)) == 1
    assert missing_curves_note(panel).startswith("2 of 3 evaluations have no learning curves")
    panel = panel_of(tmp_path / "one", {})
    assert make_learning_plots(panel) == learning_data([panel]) == []
    assert missing_curves_note(panel).startswith("This evaluation has no learning curves")
    assert missing_curves_note(panel_of(tmp_path / "all", learning_curves())) == ""


def test_the_figure_has_the_values_on_a_log2_axis_and_marks_how_lines_ended(tmp_path):
    from matplotlib.figure import Figure

    curves = learning_curves("max_epochs", original="done")
    curves["censored"]["mlp"] = learning_curve("dropped", stages=2, first_bits=0.05)
    axes = Figure().subplots()
    draw_plot("Smiling in faces-64", plot_of(tmp_path, curves), axes)
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4"]
    lines = {line.get_label(): line for line in axes.get_lines()}
    for name, label, marker in (
        ("resnet10", "resnet10: not done", "^"),
        ("mlp", "mlp: dropped", "x"),
    ):
        stages = curves["censored"][name].stages
        assert list(lines[label].get_xdata()) == [stage.epochs for stage in stages]
        assert list(lines[label].get_ydata()) == [stage.bits.value for stage in stages]
        assert lines[label].get_marker() == marker
    assert lines["mlp: dropped"].get_linewidth() < lines["on original images"].get_linewidth()
    assert lines["on original images"].get_color() == "0.7"


def test_many_plots_are_divided_into_several_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(learning_figure, "MAX_PLOTS", 2)
    monkeypatch.setattr("privacy_gan.reporting.figure1.FORMATS", ("svg",))
    panel = panel_of(tmp_path, *[learning_curves() for _ in range(3)])
    files = draw_learning_curves([panel], tmp_path)
    assert [path.name for path in files] == ["learning_curves.svg", "learning_curves_2.svg"]
    assert "seed 2" in files[1].read_text()
    assert draw_learning_curves([panel_of(tmp_path / "none", {})], tmp_path) == []


def test_the_page_has_originals_in_grey_and_dropped_lines_thinner(tmp_path):
    curves = learning_curves()
    curves["censored"]["mlp"] = learning_curve("dropped", first_bits=0.05)
    del curves["censored"][RETRAINED]
    (panel,) = learning_data([panel_of(tmp_path, curves)])
    (plot,) = panel["plots"]
    lines = {line["label"]: line for line in plot["lines"]}
    assert lines["on original images"]["on_originals"]
    assert lines["mlp: dropped"]["width"] < lines["resnet10: done"]["width"]
    assert [value for value, *_ in lines["resnet10: done"]["bits"]] == [
        stage.bits.value for stage in curves["censored"]["resnet10"].stages
    ]
    assert len(plot["rows"]) == 5


def test_adversaries_that_are_all_fitted_in_closed_form_lack_no_curves(tmp_path):
    curves = {"censored": {"kernel_ridge": LearningCurve((), "done")}}
    panel = panel_of(tmp_path, curves)
    assert learning_data([panel]) == without_curves([panel]) == []
    assert without_curves([panel_of(tmp_path / "old", {})]) == ["Smiling in faces-64"]
