"""A distortion budget that was missed is said wherever the run is spoken of."""

from dataclasses import replace

from sample_results import evaluation, measure, write_run

from privacy_gan.reporting.budget import describe_distortion, describe_excess, budget_warnings
from privacy_gan.reporting.model_card import render_model_card
from privacy_gan.reporting.report import make_report
from privacy_gan.reporting.run_summary import run_summary
from privacy_gan.reporting.sweep_chart import COLUMNS, table_rows
from privacy_gan.reporting.verdict import run_verdict, verdict
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Estimate, Measure, Result

OVER = Measure(Estimate(0.049, 0.048, 0.05))
ALL = measure(1.0)
TOLD = (
    "the distortion budget epsilon=0.02 was not kept: test images changed by 0.049 on average (95% "
    "interval 0.048 to 0.05), 2.5 times the budget, and 100% of the batches were over it"
)


def missed(epsilon=0.02):
    found = evaluation(0.8, distortion=OVER, batches_over_budget=ALL)
    return Result("faces", {"attribute": "Smiling", "epsilon": epsilon}, {}, {"Smiling": found})


def test_it_is_said_by_how_much_and_of_how_many_batches():
    found = missed().evaluations["Smiling"]
    assert describe_excess(found, 0.02) == TOLD
    assert describe_distortion(found, 0.02) == "distortion 0.049, 2.5 times the budget of 0.02"
    assert verdict(found, 0.02)[-1] == run_verdict(missed())[-1] == TOLD
    assert TOLD not in verdict(found, 0.05)


def test_what_test_images_may_explain_is_no_miss():
    found = evaluation(0.8, distortion=Measure(Estimate(0.0101, 0.0099, 0.0103)))
    assert describe_excess(found, 0.01) == ""
    assert describe_distortion(found, 0.01) == (
        "distortion 0.0101 of 0.01 allowed (1.0% over it, as the choice of test images can explain)"
    )
    assert describe_excess(found, None) == ""  # of images that nobody promised a budget


def test_a_run_that_nobody_judged_is_held_to_its_validation_images():
    training = {"valid/filter/distortion": 0.0099, "valid/generator/distortion": 0.03}
    result = Result("faces", {"attribute": "Smiling", "epsilon": 0.01}, training)
    (line,) = budget_warnings(result)
    assert line == (
        "the distortion budget epsilon=0.01 was not kept at the end of training: the generator "
        "changed validation images by 0.03 on average, 3.0 times the budget"
    )
    assert budget_warnings(replace(result, training={"valid/filter/distortion": 0.0101})) == []


def test_a_mechanism_that_reads_no_budget_cannot_miss_it():
    result = missed()
    reading = {**result.fingerprint, "privatizer.filter.constraint.epsilon": 0.02}
    assert budget_warnings(replace(result, fingerprint=reading)) == [TOLD]
    stargan = {**result.fingerprint, "privatizer.lambda_rec": 10}
    assert budget_warnings(replace(result, fingerprint=stargan)) == []


def test_every_output_says_it(tmp_path):
    run = write_run(tmp_path, epsilon=0.02, distortion=OVER, batches_over_budget=ALL)
    result = Result.read(run / "result.json")
    summary_sentence, warning, *_ = run_summary(RunFolder(run), result, details=False).splitlines()
    assert "distortion 0.049, 2.5 times the budget of 0.02" in summary_sentence
    assert warning == f"warning: {TOLD}"
    report = make_report(tmp_path, tmp_path / "report", with_faces=False)
    assert "2.5 times the budget of 0.02" in report.text
    assert "0.04900 over" in report.text
    page = (tmp_path / "report" / "report.html").read_text()
    assert "2.5 times the budget of 0.02" in page
    assert "0.04900, over budget" in page
    facts = {"mechanism": "m", "epsilon": 0.02, "seed": 0, "data": "faces", "made_by": "us"}
    assert f"Warning: {TOLD}." in render_model_card(result, facts, ["Smiling"], 64, with_onnx=False)
    (row,) = table_rows("run", run)
    assert dict(zip(COLUMNS, row, strict=True))["budget"] == "missed"
