"""experiments/audit.py: what images that another tool censored still leak."""

import json
import subprocess
import time

import numpy as np
import pytest
from commands import cli, command_line, error_line, start
from PIL import Image
from processes import all_exited

from privacy_gan.reporting.report import make_report
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.result import Result

COUNT = 240
LEARNERS = ("classifiers", "judge.retrained", "judge.paper", "judge.adversaries.resnet10")
SMALL = [
    *("trainer=cpu", "trainer.precision=32-true", "trainer.enable_progress_bar=false"),
    *("image_size=16", "judge=quick", "judge.max_epochs=4", "judge.batch_size=16"),
    *("judge.resamples=100", "classifiers=quick", "classifiers.epochs=3"),
    "classifiers.batch_size=16",
    *(f"{name}.network._target_=small_networks.classifier" for name in LEARNERS),
    *(f"{name}.recipe.optimizer.lr=2e-2" for name in LEARNERS),
    "judge.adversaries.pca_mlp.network.components=16",
    "judge.adversaries.pca_mlp.network.width=64",
    "judge.adversaries.kernel_ridge.components=16",
]


def write(folder, pixels):
    folder.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder of photographs, lighter if "light" is 1, and two censored copies."""
    folder = tmp_path_factory.mktemp("my data, (1)")
    rng = np.random.default_rng(0)
    light, red = rng.integers(0, 2, (2, COUNT))
    photos = rng.integers(0, 100, (COUNT, 16, 16, 3)) + 100 * light[:, None, None, None]
    photos[..., 0] += 55 * red[:, None, None]
    write(folder / "original", photos)
    write(folder / "brighter", np.minimum(photos + 20, 255))
    write(folder / "grey", rng.integers(0, 256, photos.shape))
    rows = [
        f"{n}.jpg,{light[n]},{red[n]},p{n // 4},{red[n] if n != 3 else ''}" for n in range(COUNT)
    ]
    (folder / "labels.csv").write_text("\n".join(["file,light,red,person,tired", *rows]))
    return folder


def audit_words(data, output, images, *options):
    inputs = [f"images={data / images}", f"labels={data / 'labels.csv'}", "attribute=light"]
    outputs = [f"output={output}", f"cache_dir={data / 'cache'}"]
    classifiers = [f"classifiers.folder='{data / 'classifiers'}'"]
    return [*inputs, *outputs, *classifiers, *SMALL, *options]


def audit(data, output, images, *options, **settings):
    return cli("audit", *audit_words(data, output, images, *options), **settings)


def test_an_audit_reports_a_leak_in_its_output_and_its_result(data, tmp_path):
    process = audit(data, tmp_path / "out", "brighter", "person=person", real=True)
    assert process.returncode == 0, process.stderr
    first = next(line for line in process.stdout.splitlines() if line.startswith("light leaks"))
    assert "an adversary trained on 192 labelled censored images predicts it " in first
    assert "original=FOLDER and are excluded: fixed_classifier, inversion" in process.stdout
    assert "tired has no value for 1 of 240 images, such as 3.jpg" in process.stdout
    assert "ignoring suffixes: 0.jpg is 0.png" in process.stdout
    result = Result.read(tmp_path / "out/result.json")
    evaluation = result.evaluations["light"]
    assert evaluation.measures["privacy_loss"].censored.value > 0.9
    assert evaluation.measures["privacy_loss"].original is None
    assert {"distortion", "utility_score", "normalized_gain"}.isdisjoint(evaluation.measures)
    assert evaluation.measures["retrained_utility/red"].censored is not None
    assert evaluation.measures["retrained_utility/tired"].censored is not None
    members = {"pca_mlp", "kernel_ridge", "resnet10", "stack"}
    assert {each.adversary for each in evaluation.adversaries} == members
    assert result.fingerprint["epsilon"] is None
    surest = Faces.read(tmp_path / "out/examples/light-surest.png", needs_original=False)
    assert list(surest.rows) == ["x'"]  # the originals are not known
    # four images of each person: intervals are over persons
    assert evaluation.persons == {"train": 48, "valid": 6, "test": 6}
    assert "95% bootstrap intervals over 6 persons (24 test images)" in process.stdout
    assert "the test images show only 6 persons" in " ".join(evaluation.warnings)
    # the same audit is skipped; one with other judge settings is judged again
    before = (tmp_path / "out/result.json").stat().st_mtime_ns
    again = audit(data, tmp_path / "out", "brighter", "person=person")
    assert "already finished" in again.stdout
    assert "light leaks" in again.stdout
    assert (tmp_path / "out/result.json").stat().st_mtime_ns == before
    audit(data, tmp_path / "out", "brighter", "person=person", "judge.max_epochs=2")
    assert (
        json.loads((tmp_path / "out/result.json").read_text())["evaluations"]["light"]["settings"][
            "judge.max_epochs"
        ]
        == 2
    )
    other = audit(data, tmp_path / "out", "grey", "person=person")
    assert "audit.images=brighter (this one: grey)" in error_line(other)


def test_with_originals_distortion_is_measured_and_the_report_compares_audits(data, tmp_path):
    options = [f"original={data / 'original'}", "judge.adversaries.inversion=null"]
    for images in ("brighter", "grey"):
        process = audit(data, tmp_path / "runs" / images, images, *options)
        assert process.returncode == 0, process.stderr
    assert "no leak of light was found" in process.stdout
    assert "trained on the original images, the same adversaries predict it " in process.stdout
    found = {
        name: Result.read(tmp_path / "runs" / name / "result.json").evaluations["light"]
        for name in ("brighter", "grey")
    }
    distortion = found["brighter"].measures["distortion"].censored.value
    assert distortion == pytest.approx((20 / 255) ** 2, rel=0.05)
    assert found["grey"].measures["distortion"].censored.value > 0.05
    assert "images_over_budget" not in found["grey"].measures
    assert found["grey"].measures["privacy_loss"].original.value > 0.9
    assert "fixed_classifier" in {a.adversary for a in found["grey"].adversaries}
    report = make_report(tmp_path / "runs", tmp_path / "report", with_faces=True)
    assert "audit of brighter:\n  light leaks: " in report.text
    assert "audit of grey:\n  no leak of light was found so far: " in report.text
    page = (tmp_path / "report/report.html").read_text()
    assert "Audits of images censored elsewhere" in page
    assert "higher than audit of grey without a budget" in page
    assert "nan" not in report.text.lower().replace("nanc", "")


MISTAKES = {
    "no such attribute": (["attribute=lihgt"], "did you mean light?"),
    "column of words": (["attribute=person"], "person has 60 different values, such as p0, p1"),
    "no labels": (["labels=nowhere.csv"], "labels=nowhere.csv is not a file"),
    "no images": (["images=nowhere"], "images=nowhere is not a folder"),
    "no split": (["split=fold"], "split=fold is neither a file nor a column"),
    "odd size": (["image_size=20"], "image_size=20 is not a multiple of 16"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_invalid_options_raise_one_line_and_write_nothing(options, message, data, tmp_path):
    assert message in error_line(audit(data, tmp_path / "out", "grey", *options))
    assert not (tmp_path / "out").exists()


def test_labels_with_a_single_class_raise_one_line(data, tmp_path):
    rows = [f"{n}.jpg,1" for n in range(COUNT)]
    labels = tmp_path / "ones.csv"
    labels.write_text("\n".join(["file,light", *rows]))
    line = error_line(audit(data, tmp_path / "out", "grey", f"labels={labels}"))
    assert "ones.csv: light has one value, 1, in all 240 images" in line


def test_a_killed_audit_resumes_to_the_same_result(data, tmp_path):
    options = ["judge.retrained=null", "checkpoint_minutes=0", "judge.batch_size=8"]
    whole = audit(data, tmp_path / "whole", "brighter", *options)
    assert whole.returncode == 0, whole.stderr
    process = start(
        command_line("audit", *audit_words(data, tmp_path / "out", "brighter", *options)),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 100
    while not list((tmp_path / "out").rglob("*.pt")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert all_exited(tmp_path)
    assert not (tmp_path / "out/result.json").exists()
    assert audit(data, tmp_path / "out", "brighter", *options).returncode == 0
    one, other = (Result.read(tmp_path / name / "result.json") for name in ("whole", "out"))
    assert one.evaluations == other.evaluations
    assert not (tmp_path / "out/judging").exists()
