"""Runs that are judged at their end, and judged again."""

import json
import shutil
import signal
import subprocess

import pytest
import torch
from commands import cli, command_line, error_line, run, run_train, start, train_command
from presets import JUDGED, SHIPPED_DISCRIMINATORS, SHIPPED_JUDGE, TINY

from privacy_gan.commands.evaluate import evaluate, train_classifiers
from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.evaluation.judge import Judge
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.reporting.run_summary import full_summary
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.result import Result

PRESET = [*TINY, *JUDGED]


@pytest.fixture
def judged(tiny, tmp_path):
    """Compose a tiny run with its judge; its classifiers are in the test's folder."""
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    return lambda *overrides: tiny(where, *overrides, preset=PRESET)


@pytest.fixture
def finished(once, tmp_path):
    """Return the folder of a run ``train(judged())``, copied into the test's folder."""

    def make(folder):
        where = f"classifiers.folder={folder / 'classifiers'}"
        process = run_train(folder, where, preset=PRESET)
        assert process.returncode == 0, process.stderr

    shutil.copytree(once("judged_run", make), tmp_path, dirs_exist_ok=True)
    (result,) = (tmp_path / "outputs").rglob("result.json")
    return result.parent


def refuse(*args, **kwargs):
    raise AssertionError("repeated")


def test_a_run_ends_with_all_measures_in_its_result_and_its_table(judged, monkeypatch):
    shipped = [*SHIPPED_DISCRIMINATORS, *SHIPPED_JUDGE, "trainer.max_epochs=1"]
    run, record = train(judged(*shipped))
    assert Result.read(run.result_file) == record
    evaluation = record.evaluations["Smiling"]
    assert list(evaluation.measures) == [
        "privacy_loss",
        "normalized_gain",
        "paper_privacy_loss",
        "balanced_accuracy",
        "auroc",
        "leaked_bits",
        "tpr_at_1_percent_fpr/0",
        "tpr_at_1_percent_fpr/1",
        "probing_gap",
        "utility_score",
        "utility/Male",
        "retrained_utility_score",
        "retrained_utility/Male",
        "attained_utility_score",
        "attained_utility/Male",
        "possible_utility/Male",
        "success_rate",
        "correlation/Male",
        "distortion",
        "images_over_budget",
        "batches_over_budget",
        "psnr",
        "ssim",
        "frechet_distance",
    ]
    for name in ("privacy_loss", "utility_score", "utility/Male", "retrained_utility/Male"):
        columns = dict(vars(evaluation.measures[name]))
        ceiling = columns.pop("ceiling")
        assert all(columns.values()), name
        assert (ceiling is None) == (name == "privacy_loss")
    assert {a.adversary for a in evaluation.adversaries} == {"resnet10", "inversion", "stack"}
    assert {a.queries for a in evaluation.adversaries} == {1, 2}
    assert set(evaluation.classifiers) == {"Smiling", "Male"}
    assert 0 <= evaluation.least_distortion["hidden"] <= evaluation.least_distortion["replaced"]
    assert evaluation.images == {"train": 32, "valid": 16, "test": 8}
    assert set(evaluation.correct) == {"privacy_loss", "utility/Male"}
    for name in evaluation.correct:
        mean = evaluation.is_correct(name).mean()
        assert mean == pytest.approx(evaluation.measures[name].censored.value), name
    assert [each.left_out for each in evaluation.slices.each] == ["fewer than 30 images"] * 2
    for kind, examples in evaluation.examples.by_kind.items():
        faces = Faces.read(run.examples("Smiling", kind))
        assert list(faces.rows) == ["x", "x''"]
        assert [column.partition("\n")[0] for column in faces.columns] == [
            f"s={each.label}" for each in examples
        ]
    table = full_summary(run, record)
    for text in (
        "privacy loss (accuracy)",
        "original",
        "majority baseline",
        "correlation baseline",
        "inversion",
        "2 queries",
        "when judge.max_epochs=1 ended their training on 32 images",
    ):
        assert text in table
    assert max(map(len, table.splitlines()[:30])) <= 120

    monkeypatch.setattr(Judge, "judge", refuse)
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse)
    assert train(judged(*shipped))[1] == record


def test_a_run_that_was_only_trained_can_be_judged_later(judged, monkeypatch):
    run, record = train(judged("evaluate=false"))
    assert record.evaluations == {}
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse)
    again, judged_record = train(judged())
    assert again == run
    assert judged_record.evaluations["Smiling"].attribute == "Smiling"
    assert judged_record.training == pytest.approx(record.training)


def test_judging_again_gives_the_same_result_and_accepts_other_settings(finished, judged):
    run, record = train(judged())
    assert run.path == finished
    _, same = evaluate(judged(f"run_dir={run.path}"))
    assert same == record
    words = [f"run={run.path}", "judge.queries=[1,2,3]", "details=true"]
    process = cli("evaluate", *words, real=True)
    assert process.returncode == 0, process.stderr
    assert "3 queries" in process.stdout
    after = Result.read(run.result_file)
    assert {a.queries for a in after.evaluations["Smiling"].adversaries} == {1, 2, 3}
    assert after.training == record.training


def test_a_finished_run_with_other_judge_settings_names_the_command_to_judge_it(
    finished, judged, caplog
):
    train(judged())
    train(judged("judge.max_epochs=2"))
    assert "judged with judge.max_epochs=1, not 2; to judge it with your settings: " in caplog.text
    assert f"privacy-gan evaluate run={finished} judge.max_epochs=2" in caplog.text


def test_a_result_of_an_earlier_version_is_judged_again_but_not_trained_again(
    finished, judged, monkeypatch
):
    run, record = train(judged())
    earlier = json.loads(run.result_file.read_text())
    earlier |= {"version": 3, "evaluations": {"Smiling": "old"}}
    run.result_file.write_text(json.dumps(earlier))
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse)
    assert train(judged())[1] == record


def test_a_warning_names_classifiers_below_the_correlation_baseline(judged, caplog):
    run, record = train(judged("privatizer=noise", "data.num_test=64"))
    found = record.evaluations["Smiling"]
    baselines = {
        "Smiling": found.measures["privacy_loss"].correlation_baseline.value,
        "Male": found.measures["utility/Male"].correlation_baseline.value,
    }
    weak = [name for name, accuracy in found.classifiers.items() if accuracy < baselines[name]]
    assert weak  # after an epoch of four batches
    (warning,) = found.warnings
    assert all(name in warning for name in weak)
    assert warning in caplog.text
    assert f"warning: {warning}" in full_summary(run, record)


def test_identity_trains_nothing_and_hides_nothing(judged):
    _, record = train(judged("privatizer=identity", "judge.adversaries.inversion=null"))
    assert record.training == {}
    measures = record.evaluations["Smiling"].measures
    assert measures["distortion"].censored.value == 0
    assert measures["psnr"].censored is None
    assert measures["utility_score"].censored == measures["utility_score"].original


def test_classifiers_are_trained_once_and_cached(judged, monkeypatch):
    first = train_classifiers(judged())
    assert list(first) == ["Smiling", "Male"]
    monkeypatch.setattr("privacy_gan.evaluation.classifiers.fit_or_exclude", refuse)
    again = train_classifiers(judged())
    for name, classifier in first.items():
        assert again[name].test_accuracy == classifier.test_accuracy
        torch.testing.assert_close(
            again[name].network.state_dict(), classifier.network.state_dict()
        )
    with pytest.raises(AssertionError, match="repeated"):  # other settings need other classifiers
        train_classifiers(judged("classifiers.epochs=2"))


def the_classifier(tmp_path, attribute="Male"):
    (file,) = (tmp_path / "classifiers").rglob(f"{attribute}-*.pt")
    return file


def test_a_damaged_classifier_is_named_in_the_error(judged, tmp_path):
    train_classifiers(judged())
    file = the_classifier(tmp_path)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match=rf"{file} is damaged: delete it to train it again"):
        train_classifiers(judged())


def test_classifiers_of_another_size_raise_an_error(judged, tmp_path):
    train_classifiers(judged())
    file = the_classifier(tmp_path)
    torch.save(torch.load(file, weights_only=True) | {"data": "synthetic-faces-64"}, file)
    with pytest.raises(UserError, match="of synthetic-faces-64, not of synthetic-faces-16"):
        train_classifiers(judged())


def test_code_in_a_classifier_file_is_not_executed(judged, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (refuse, ())

    train_classifiers(judged())
    file = the_classifier(tmp_path)
    torch.save({"data": "synthetic-faces-16", "weights": Hostile(), "test_accuracy": 1.0}, file)
    with pytest.raises(UserError, match="not a dictionary of tensors"):
        train_classifiers(judged())


def test_a_split_with_a_single_class_raises_an_error_before_training(judged):
    # the eight test faces of this seed have both classes, a single one cannot
    with pytest.raises(
        UserError, match=r"none of the 1 test images .* has Smiling=\d: the judge needs"
    ):
        train(judged("data.num_test=1"))


def test_runs_that_cannot_be_judged_raise_one_line(finished, tmp_path):
    assert "give its folder, run=FOLDER" in error_line(cli("evaluate"))
    assert "is not a run folder" in error_line(cli("evaluate", f"run={tmp_path}"))
    larger = error_line(cli("evaluate", f"run={finished}", "image_size=32"))
    assert "belongs to a run with image_size=16 (this one: 32)" in larger
    assert "delete" not in larger
    checkpoint = (finished / "last.ckpt").read_bytes()
    (finished / "last.ckpt").write_bytes(checkpoint[:1000])
    assert "last.ckpt is damaged" in error_line(cli("evaluate", f"run={finished}"))
    (finished / "last.ckpt").unlink()
    assert "has no checkpoint last.ckpt" in error_line(cli("evaluate", f"run={finished}"))
    (finished / "result.json").unlink()
    assert "training is not finished" in error_line(cli("evaluate", f"run={finished}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("judge.queries=[]", "judge.queries=[] must be numbers of 1 or more"),
        (
            "++judge.adversaries.convnext.recipe.augmented=true",
            "convnext cannot be created",
        ),
        ("judge.queries=[0,1]", "must be numbers of 1 or more"),
        ("judge.max_epochs=0", "judge.max_epochs=0 must be a whole number, 1 or more"),
        ("judge.attributes=[Smiling,Bald]", "have no attribute 'Bald'"),
        ("judge.inception_weights=none.pth", "none.pth does not exist"),
    ],
)
def test_invalid_judge_settings_raise_an_error_before_training(
    override, message, judged, monkeypatch
):
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse)
    with pytest.raises(UserError) as refused:
        train(judged(override))
    assert message in str(refused.value)


def test_two_concurrent_processes_train_classifiers_once(tmp_path):
    folders = [f"classifiers.folder={tmp_path / 'c'}", f"data.cache_dir={tmp_path / 'cache'}"]
    command = command_line("train_classifiers", *PRESET, *folders, f"output_dir={tmp_path}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    both = [start(command, **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (
        sum(
            "training fixed classifiers, once for all runs: Smiling, Male" in output
            for output in outputs
        )
        == 1
    )
    afterwards = run(command, real=True)
    assert afterwards.returncode == 0, afterwards.stderr
    stdouts = [*outputs, afterwards.stdout]
    figures = [[line for line in out.splitlines() if "test accuracy" in line] for out in stdouts]
    assert figures[0] == figures[1] == figures[2]
    assert len(figures[0]) == 2


def test_a_signal_while_judging_leaves_a_run_that_the_same_command_resumes(tmp_path):
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    hours = ["judge.resamples=1000000", "trainer.enable_progress_bar=true"]
    process = start(
        train_command(tmp_path, where, *hours, preset=PRESET),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    folder = tmp_path / "outputs"
    stderr = ""
    while "querying (test)" not in stderr:
        stderr += process.stderr.read(1)
    process.terminate()
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert rest.strip().splitlines()[-1] == "interrupted: run the same command again to resume"
    assert not list(folder.rglob("result.json"))
    again = run_train(tmp_path, where, preset=PRESET)
    assert again.returncode == 0, again.stderr
    assert list(folder.rglob("result.json"))
