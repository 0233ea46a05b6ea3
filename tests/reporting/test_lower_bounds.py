"""Values that longer training may raise are printed as "at least"."""

from dataclasses import replace

import pytest
from sample_results import estimate, evaluation, learning_curve, learning_curves, measure, write_run

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.comparison import comparison_tables
from privacy_gan.reporting.difference import compare_curves, difference_matrices
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.formats import table_texts, to_latex, to_markdown
from privacy_gan.reporting.lower_bounds import (
    adversary_prefix,
    bound_prefix,
    joint_prefix,
    training_lines,
)
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.reporting.results import make_panels
from privacy_gan.reporting.run_summary import full_tables, run_summary, short_table
from privacy_gan.reporting.tables import make_tables
from privacy_gan.runs.evaluation import Strongest
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result

OF_ADVERSARIES = {
    "privacy_loss": measure(0.8, 0.9, 0.5, 0.7),
    "balanced_accuracy": measure(0.8, 0.9, 0.5, 0.7),
    "auroc": measure(0.8, 0.9, 0.5, 0.7),
    "leaked_bits": measure(0.8, 0.9, 0.0, 0.1),
    "tpr_at_1_percent_fpr/1": measure(0.8, 0.9, 0.01, 0.1),
    "probing_gap": measure(0.2),
}
OF_RETRAINED = {
    "retrained_utility_score": measure(0.8, 0.9, 0.5, 0.7),
    "retrained_utility/Male": measure(0.8, 0.9, 0.5, 0.7),
}
EXACT = ("paper_privacy_loss", "utility_score", "utility/Male", "success_rate", "distortion")
NEITHER_DONE = [None, "max_epochs", "max_minutes"]  # None: a result of an earlier version


def judged(ending="done", original=None, retrained=None, **measures):
    """Return an evaluation with all metrics; no curves for None instead of an ending."""
    curves = {} if ending is None else learning_curves(ending, original, retrained)
    return evaluation(0.8, curves=curves, **(OF_ADVERSARIES | OF_RETRAINED | measures))


@pytest.mark.parametrize("ending", NEITHER_DONE)
@pytest.mark.parametrize("name", [*OF_ADVERSARIES, *OF_RETRAINED])
def test_a_value_is_a_lower_bound_unless_the_networks_behind_it_were_done(name, ending):
    assert bound_prefix(judged("done"), name) == ""
    assert bound_prefix(judged("done"), name, "original") == ""
    unfinished = judged(ending)
    assert bound_prefix(unfinished, name) == "at least "
    assert bound_prefix(unfinished, name, "original") == "at least "
    for baseline in ("majority_baseline", "correlation_baseline", "ceiling"):
        assert bound_prefix(unfinished, name, baseline) == ""


@pytest.mark.parametrize("name", EXACT)
def test_metrics_that_do_not_depend_on_how_long_the_judge_trained_are_exact(name):
    assert bound_prefix(judged(None), name) == bound_prefix(judged("max_epochs"), name) == ""


def test_adversaries_and_retrained_classifier_have_separate_bounds():
    unfinished = judged("done", retrained="max_epochs")
    assert bound_prefix(unfinished, "privacy_loss") == ""
    assert bound_prefix(unfinished, "retrained_utility/Male") == "at least "
    unfinished = judged("max_epochs", retrained="done")
    assert bound_prefix(unfinished, "privacy_loss") == "at least "
    assert bound_prefix(unfinished, "retrained_utility/Male") == ""


def test_the_score_of_an_adversary_that_was_dropped_is_a_lower_bound():
    curves = learning_curves()
    curves["censored"]["resnet10"] = learning_curve("dropped")
    dropped = replace(
        judged(),
        curves=curves,
        strongest={
            "accuracy": Strongest("resnet18", 4),
            "tpr_at_1_percent_fpr/1": Strongest("resnet10", 1),
        },
    )
    assert bound_prefix(dropped, "privacy_loss") == ""
    assert bound_prefix(dropped, "tpr_at_1_percent_fpr/1") == "at least "
    assert adversary_prefix(dropped, "resnet18") == ""
    assert adversary_prefix(dropped, "resnet10") == "at least "


def test_an_adversary_without_a_curve_is_done_if_all_others_are():
    assert adversary_prefix(judged("done"), "stack") == ""
    assert adversary_prefix(judged("max_epochs"), "stack") == "at least "
    assert adversary_prefix(judged(None), "resnet10") == "at least "


@pytest.mark.parametrize(
    ("censored", "original", "expected"),
    [
        ("done", "done", ["", "", ""]),
        ("max_epochs", "done", ["at least ", "", ""]),
        # the denominator may be larger, so that the ratio may be smaller
        ("done", "max_epochs", ["about ", "", "about "]),
        ("max_epochs", "max_epochs", ["about ", "", "about "]),
        (None, None, ["about ", "", "about "]),
    ],
)
def test_the_normalized_gain_is_approximate_unless_its_denominator_is_exact(
    censored, original, expected
):
    found = judged(censored, original)
    columns = ("censored", "original", "correlation_baseline")
    assert [bound_prefix(found, "normalized_gain", column) for column in columns] == expected
    assert bound_prefix(found, "normalized_gain", "majority_baseline") == ""


def test_every_metric_that_adversaries_decide_has_a_bound():
    for metric in METRICS.values():
        if metric.score_name or metric.name.startswith("retrained"):
            assert metric.trained, metric.name


def test_a_mean_of_lower_bounds_and_exact_values_is_a_lower_bound():
    assert joint_prefix(["", ""]) == ""
    assert joint_prefix(["", "at least "]) == "at least "
    assert joint_prefix(["at least ", "about "]) == "about "


def test_the_training_is_described():
    assert training_lines(judged("done")) == [
        "the adversaries were done: two doublings of their training in a row gained less than the "
        "standard error (4 epochs of 1,000 images, 4,000 steps)"
    ]
    (line,) = training_lines(judged("max_epochs"))
    assert line == (
        "the adversaries and the retrained classifier on censored and original images were not "
        "done learning when judge.max_epochs=4 ended their training on 1,000 images: "
        '"at least" marks their values; raise it to learn more'
    )
    (line,) = training_lines(judged("max_minutes", "done", "done"))
    assert line.startswith("the adversaries were not done learning when judge.max_minutes ended ")
    done, line = training_lines(judged("done", "max_epochs"))
    assert done.startswith("the adversaries were done: ")
    assert line.startswith("the adversaries on original images were not done learning ")
    curves = {"censored": learning_curves("done", retrained="max_minutes")["censored"]}
    _, line = training_lines(replace(judged(), curves=curves))
    assert line.startswith("the retrained classifier was not done learning when judge.max_minutes ")
    assert line.endswith(': "at least" marks its values; raise it to learn more')
    _, line = training_lines(judged("done", "max_epochs", "max_epochs"))
    assert line.startswith(
        "the retrained classifier on censored and original images and the adversaries on original "
        "images were not done learning "
    )


def test_the_panel_of_adversaries_is_named():
    (line,) = training_lines(replace(judged(), panel="standard-1"))
    assert line.startswith("the adversaries (panel: standard-1) were done: ")
    (line,) = training_lines(replace(judged("max_epochs", "done", "done"), panel="custom"))
    assert line.startswith("the adversaries (panel: custom) were not done learning when ")


def test_limits_that_ended_different_adversaries_are_both_named():
    curves = {
        "censored": {"a": learning_curve("max_epochs"), "b": learning_curve("max_minutes")},
        "original": {},
    }
    settings = {"judge.max_epochs": 8, "judge.max_minutes": 30}
    (line,) = training_lines(replace(judged(), curves=curves, settings=settings))
    assert "when judge.max_epochs=8 and judge.max_minutes=30 ended their training on" in line
    assert line.endswith("raise them to learn more")


def test_a_result_of_an_earlier_version_does_not_say_whether_its_adversaries_were_done():
    unknown = "this result does not say whether its adversaries were done learning"
    assert training_lines(judged(None)) == [unknown]
    old = replace(judged(None), settings={"judge.epochs": 1})
    assert training_lines(old) == [
        f"{unknown} (trained for 1 epoch on 1,000 images; so was that of the paper's metric)"
    ]


def test_adversaries_that_are_fitted_in_closed_form_have_no_epochs():
    fitted = {"censored": {"kernel_ridge": learning_curve("done", stages=0)}}
    (line,) = training_lines(replace(judged(), curves=fitted))
    assert line == "the adversaries were done: they are fitted in closed form"


@pytest.mark.parametrize("ending", NEITHER_DONE)
def test_the_tables_of_a_run_print_lower_bounds(ending):
    lines = "\n".join(short_table(judged(ending))).splitlines()
    row = next(line for line in lines if line.startswith("privacy loss "))
    assert "at least 80.0% [79.0, 81.0%]  at least 90.0%  50.0%  70.0%" in row
    utility = next(line for line in lines if line.startswith("utility score "))
    assert "at least" not in utility
    text = "\n".join(full_tables(judged(ending, normalized_gain=measure(0.8, 1.0, 0.0, 0.5))))
    for cell in ("  Male                         at least 80.0% [79.0, 81.0%]", "about 50.0%"):
        assert cell in text
    assert "\nat least: the networks were not done learning, or this is not known; " in text
    assert "\nabout: relative to a value on original images " in text
    assert "resnet10              at least 78.0% [77.0, 79.0%]" in text


def test_the_tables_of_a_run_whose_networks_were_done_have_no_bounds():
    done = judged("done", normalized_gain=measure(0.8, 1.0, 0.0, 0.5))
    text = "\n".join([*short_table(done), *full_tables(done)])
    assert "at least" not in text
    assert "about" not in text


def test_the_table_of_adversaries_marks_each_one_by_its_own_curve():
    curves = learning_curves()
    curves["censored"]["resnet10"] = learning_curve("dropped")
    lines = full_tables(replace(judged(), curves=curves))
    rows = [line for line in lines if line.startswith(("resnet10 ", "resnet18 "))]
    assert [line.count("at least") for line in rows] == [2, 0]
    assert any(line.startswith("at least: ") for line in lines)


def test_the_summary_of_a_run_explains_its_lower_bounds(tmp_path):
    folder = write_run(tmp_path, curves=learning_curves("max_epochs"))
    text = run_summary(RunFolder(folder), Result.read(folder / "result.json"), details=False)
    assert "at least 80.0% [79.0, 81.0%]" in text
    assert "\nat least: the networks were not done learning" in text
    assert "not done learning when judge.max_epochs=4 ended their training" in text
    done = write_run(tmp_path / "done")
    text = run_summary(RunFolder(done), Result.read(done / "result.json"), details=False)
    assert "at least" not in text
    assert "\nthe adversaries were done: " in text


def test_comparison_tables_print_and_explain_lower_bounds(tmp_path):
    gain = measure(0.75, 1.0, 0.0, 0.5)
    write_run(tmp_path, "blur", leaks=0.6, curves={}, normalized_gain=gain)
    write_run(tmp_path, "stack", leaks=0.7, normalized_gain=gain)
    text = comparison_tables(all_evaluation_rows(find_runs(tmp_path).finished))
    lines = {line.partition("  ")[0]: line for line in text.splitlines()}
    assert "at least 60.0% [59.0, 61.0%]  about 75.0%" in lines["blur"]
    assert "at least" not in lines["stack"]
    assert len({len(lines[name]) for name in ("blur", "stack", "(original)")}) == 1
    assert "\nat least: " in text
    assert "\nabout: " in text


def test_the_papers_tables_print_and_explain_lower_bounds(tmp_path):
    write_run(tmp_path, seed=0, curves={})
    write_run(tmp_path, seed=1)
    tables = make_tables(make_panels(all_evaluation_rows(find_runs(tmp_path).finished)))
    exact, bounded = [table for table in tables if table.number == 3]
    assert "at least" not in table_texts(exact).to_string()  # the paper's adversary
    assert "At least" not in to_markdown(exact)
    assert "at least 80.0 ± 0.0 (2)" in table_texts(bounded).to_string()
    for text in (to_markdown(bounded), to_latex(bounded)):
        assert "At least: the networks were not done learning" in text


def test_each_number_of_a_report_has_its_bound(tmp_path):
    write_run(tmp_path, "blur", curves=learning_curves("max_epochs", "done"), **OF_RETRAINED)
    (row,) = all_evaluation_rows(find_runs(tmp_path).finished)
    bounds = {
        (each.metric, each.adversary): (each.bound, each.original_bound)
        for each in (*row.measure_records(), *row.adversary_records())
    }
    assert bounds["privacy_loss", "strongest"] == ("at least", "")
    assert bounds["privacy_loss", "resnet10"] == ("at least", "")
    assert bounds["retrained_utility_score", ""] == ("at least", "at least")
    assert bounds["utility_score", ""] == ("", "")


def test_the_ceiling_is_printed_where_it_is_known(tmp_path):
    with_ceiling = replace(measure(0.62, 0.84, 0.5, 0.6), ceiling=estimate(0.67))
    found = judged("done", utility_score=with_ceiling, retrained_utility_score=with_ceiling)
    lines = full_tables(found)
    assert lines[0].endswith("  ceiling")
    (row,) = [line for line in lines if line.startswith("utility score  ")]
    assert row.endswith("67.0%")
    assert "ceiling: the highest accuracy possible if Smiling is hidden completely" in lines
    folder = write_run(tmp_path, utility_score=with_ceiling)
    result = Result.read(folder / "result.json")
    assert result.evaluations["Smiling"].measures["utility_score"] == with_ceiling
    text = run_summary(RunFolder(folder), result, details=False)
    assert (
        "\nceiling of the utility scores: 67.0%, the highest possible if Smiling is hidden" in text
    )
    comparison = comparison_tables(all_evaluation_rows(find_runs(tmp_path).finished))
    (row,) = [line for line in comparison.splitlines() if line.startswith("(ceiling) ")]
    assert row.split() == ["(ceiling)", "-", "-", "67.0%", "-", "-"]
    assert "\nceiling: the highest utility possible if the attribute is hidden" in comparison
    assert not any("ceiling" in line for line in full_tables(judged()))


def test_the_note_on_intervals_says_what_they_are_over():
    def note(**changes):
        lines = full_tables(replace(judged(), **changes))
        return next(line for line in lines if line.startswith("[95%"))

    assert "over 100 test images, taken as independent; " in note()
    assert "over 100 test images; " in note(independent_images=True)
    assert "over 20 persons (100 test images); " in note(persons={"test": 20})


def test_a_difference_of_values_that_longer_training_may_raise_is_approximate(tmp_path):
    write_run(tmp_path, "blur", leaks=0.6)
    write_run(tmp_path, "noise", leaks=0.8, curves={})
    write_run(tmp_path, "stack", leaks=0.7)
    (panel,) = make_panels(all_evaluation_rows(find_runs(tmp_path).finished))
    sentences = {each.names: each.sentence() for each in compare_curves(panel)[::2]}
    assert "noise: privacy loss about 20.0 points higher than blur" in sentences["blur", "noise"]
    assert "may change it)" in sentences["blur", "noise"]
    assert "stack: privacy loss 10.0 points higher than blur" in sentences["blur", "stack"]
    assert "may change it" not in sentences["blur", "stack"]
    leaks, utility = (each.title for each in difference_matrices(compare_curves(panel)))
    assert leaks.endswith("; longer training of the judge's networks may change it")
    assert utility.endswith("in percentage points")
