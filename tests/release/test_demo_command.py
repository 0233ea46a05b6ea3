"""The command demo: its predictors, who can reach its server, and how it ends."""

import io
import json
import shutil
import signal
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from commands import cli
from demo_process import run_demo, running_demo
from omegaconf import OmegaConf
from PIL import Image

from privacy_gan.commands.demo import page_content
from privacy_gan.errors import UserError
from privacy_gan.release.trained_model import load_trained_model
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.folder import RunFolder


def test_only_predictors_that_belong_to_the_result_are_loaded(run, tmp_path):
    """Notes name those that are missing or come from an evaluation with other settings."""
    run = shutil.copytree(run, tmp_path / "run")
    content = page_content(load_trained_model(run), "whole", None)
    assert set(content.predictors.classifiers) == {"Smiling", "Male"}
    assert list(content.predictors.adversaries) == ["Smiling"]
    paths = {path.name.split("-")[0]: path for path in classifier_files(run)}
    for name, network in content.predictors.classifiers.items():
        for key, weights in network.state_dict().items():
            assert torch.equal(weights, read_artifact(paths[name])["weights"][key])

    moved = page_content(load_trained_model(run), "whole", str(tmp_path / "elsewhere"))
    assert moved.predictors.classifiers == {}
    assert any("give classifiers=FOLDER" in note for note in moved.notes)

    adversary_file = RunFolder(run).adversary("Smiling")
    saved = read_artifact(adversary_file)
    for other in (None, {**saved, "settings": {**saved["settings"], "judge.max_epochs": 7}}):
        with replaced(adversary_file, other):
            without = page_content(load_trained_model(run), "whole", None)
            assert without.predictors.adversaries == {}
            assert without.predictors.classes == {"Smiling": ("no", "yes")}
            assert any(
                "privacy-gan evaluate" in note and "Smiling" in note for note in without.notes
            )
    for done, phrase in ((False, "right about at least "), (True, "right about ")):
        with replaced(adversary_file, {**saved, "done": done}):
            (note,) = (
                note
                for note in page_content(load_trained_model(run), "whole", None).notes
                if note.startswith("The adversary shown here")
            )
        assert f"{phrase}{saved['accuracy'][0]:.1%} of test images" in note
        assert ("may find more" in note) != done
    older = {key: value for key, value in saved.items() if key != "done"}
    with replaced(adversary_file, older):
        notes = page_content(load_trained_model(run), "whole", None).notes
        assert any("right about at least " in note for note in notes)
    broken = {**saved, "learned": {"network": {}}}
    damaged = pytest.raises(UserError, match=r"Smiling\.pt is damaged")
    with replaced(adversary_file, broken), damaged:
        page_content(load_trained_model(run), "whole", None)


def classifier_files(run):
    folder = OmegaConf.load(run / "config.yaml").classifiers.folder
    return [path for path in Path(folder).rglob("*.pt") if path.name.count("-") == 1]


@contextmanager
def replaced(path, content):
    """Replace a file's content, or remove the file, while the block runs."""
    aside = path.rename(path.with_suffix(".aside"))
    if content is not None:
        save_atomically(path, content)
    yield
    aside.replace(path)


def test_an_exported_folder_is_shown_without_predictions(run, tmp_path):
    process = cli("export", f"run={run}", f"output={tmp_path / 'model'}", "onnx=false")
    assert process.returncode == 0, process.stderr
    with running_demo(tmp_path / "model") as (_, address):
        photo = io.BytesIO()
        Image.new("RGB", (30, 30), "red").save(photo, "PNG")
        with post(address, photo.getvalue(), address.rstrip("/")) as response:
            content = json.load(response)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            post(address, photo.getvalue(), "https://evil.example")
    assert [each["label"] for each in content["versions"]] == ["x", "x'", "x''", "x''"]
    assert content["predictions"] == []


def post(address, content, origin):
    """Send a photograph as a browser does for a page of a site."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}  # which needs no CORS preflight
    request = urllib.request.Request(f"{address}censor", content, headers, method="POST")
    return urllib.request.urlopen(request, timeout=20)


def test_the_server_listens_on_the_loopback_interface_only(run):
    with running_demo(run) as (_, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        listening = Path("/proc/net/tcp").read_text().splitlines()
        places = {line.split()[1] for line in listening if line.split()[3] == "0A"}
        assert {place for place in places if place.endswith(f":{port:04X}")} == {
            f"0100007F:{port:04X}"
        }
        second = run_demo(run, f"port={port}")
        assert (second.returncode, second.stdout) == (2, "")
        assert second.stderr == (
            f"error: port={port} cannot be used (Address already in use): choose another, or "
            "port=0 for a free one\n"
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["fit=stretch"], "fit=stretch is unknown: choose whole or center"),
        (["port=99999"], "port=99999 must be between 0 and 65535, a whole number"),
        (["port=80.5"], "port=80.5: give a whole number, such as 8000"),
        (["run=nowhere"], "nowhere is not a run folder"),
    ],
)
def test_mistakes_are_one_line_errors(options, message, run):
    process = run_demo(*(["nowhere"] if options == ["run=nowhere"] else [run, *options]))
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("error: ")
    assert message in process.stderr
    assert process.stderr.count("\n") == 1


def test_sigterm_ends_it_and_the_run_is_not_changed(run):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with running_demo(run) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
