"""Every output about a run reports that it exceeded its distortion budget."""

from dataclasses import replace

from sample_results import evaluation, measure, write_run

from privacy_gan.reporting.budget import budget_warnings, describe_distortion, describe_excess
from privacy_gan.reporting.model_card import render_model_card
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.reporting.sweep_chart import COLUMNS, table_rows
from privacy_gan.reporting.verdict import run_verdict, verdict
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result

OVER = Measure(Estimate(0.049, 0.048, 0.05))
ALL = measure(1.0)
WARNING = (
    "the distortion budget epsilon=0.02 was exceeded: the mean distortion of test images is 0.049 "
    "(95% interval 0.048 to 0.05), 2.5 times the budget; 100% of the batches are over it"
)


def over_budget(epsilon=0.02):
    evaluated = evaluation(0.8, distortion=OVER, batches_over_budget=ALL)
    return Result("faces", {"attribute": "Smiling", "epsilon": epsilon}, {}, {"Smiling": evaluated})


def test_the_warning_says_by_how_much_and_in_how_many_batches():
    found = over_budget().evaluations["Smiling"]
    assert describe_excess(found, 0.02) == WARNING
    assert describe_distortion(found, 0.02) == "distortion 0.049, 2.5 times the budget of 0.02"
    assert verdict(found, 0.02)[-1] == run_verdict(over_budget())[-1] == WARNING
    assert WARNING not in verdict(found, 0.05)


def test_an_excess_within_the_sampling_error_is_not_reported():
    found = evaluation(0.8, distortion=Measure(Estimate(0.0101, 0.0099, 0.0103)))
    assert describe_excess(found, 0.01) == ""
    assert describe_distortion(found, 0.01) == (
        "distortion 0.0101 (budget 0.01; 1.0% over, within the sampling error of the test images)"
    )
    assert describe_excess(found, None) == ""  # images without a budget


def test_a_run_that_was_not_judged_is_checked_on_its_validation_images():
    training = {"valid/filter/distortion": 0.0099, "valid/generator/distortion": 0.03}
    result = Result("faces", {"attribute": "Smiling", "epsilon": 0.01}, training)
    (line,) = budget_warnings(result)
    assert line == (
        "the distortion budget epsilon=0.01 was exceeded at the end of training: the mean "
        "distortion of validation images by the generator is 0.03, 3.0 times the budget"
    )
    assert budget_warnings(replace(result, training={"valid/filter/distortion": 0.0101})) == []


def test_a_mechanism_without_a_budget_cannot_exceed_it():
    result = over_budget()
    with_budget = {**result.fingerprint, "privatizer.filter.constraint.epsilon": 0.02}
    assert budget_warnings(replace(result, fingerprint=with_budget)) == [WARNING]
    stargan = {**result.fingerprint, "privatizer.lambda_rec": 10}
    assert budget_warnings(replace(result, fingerprint=stargan)) == []


def test_every_output_reports_an_exceeded_budget(tmp_path):
    run = write_run(tmp_path, epsilon=0.02, distortion=OVER, batches_over_budget=ALL)
    result = Result.read(run / "result.json")
    summary_sentence, warning, *_ = run_summary(RunFolder(run), result, details=False).splitlines()
    assert "distortion 0.049, 2.5 times the budget of 0.02" in summary_sentence
    assert warning == f"warning: {WARNING}"
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "2.5 times the budget of 0.02" in report.text
    assert "0.04900 over" in report.text
    page = (tmp_path / "report" / "report.html").read_text()
    assert "2.5 times the budget of 0.02" in page
    assert "0.04900, over budget" in page
    facts = {"mechanism": "m", "epsilon": 0.02, "seed": 0, "data": "faces", "made_by": "us"}
    assert f"Warning: {WARNING}." in render_model_card(
        result, facts, ["Smiling"], 64, with_onnx=False
    )
    (row,) = table_rows("run", run)
    assert dict(zip(COLUMNS, row, strict=True))["budget"] == "missed"
