"""experiments/demo.py: who is asked, who may ask, and how it ends."""

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
from omegaconf import OmegaConf
from PIL import Image
from demo_process import run_demo, running_demo

from privacy_gan.commands.demo import page_content
from privacy_gan.errors import UserError
from privacy_gan.release.trained_model import load_trained_model
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.folder import RunFolder


def test_only_the_classifiers_and_the_adversary_of_this_result_are_asked(run, tmp_path):
    """What lies elsewhere, is missing or is of another judgement is told, and nobody else asked."""
    run = shutil.copytree(run, tmp_path / "run")
    shown = page_content(load_trained_model(run), "whole", None)
    assert set(shown.predictors.classifiers) == {"Smiling", "Male"}
    assert list(shown.predictors.adversaries) == ["Smiling"]
    stored = {path.name.split("-")[0]: path for path in classifier_files(run)}
    for name, network in shown.predictors.classifiers.items():
        for key, weights in network.state_dict().items():
            assert torch.equal(weights, read_artifact(stored[name])["weights"][key])

    moved = page_content(load_trained_model(run), "whole", str(tmp_path / "elsewhere"))
    assert moved.predictors.classifiers == {}
    assert any("classifiers=FOLDER says where they are" in note for note in moved.notes)

    kept = RunFolder(run).adversary("Smiling")
    content = read_artifact(kept)
    for other in (None, {**content, "settings": {**content["settings"], "judge.epochs": 7}}):
        with replaced(kept, other):
            without = page_content(load_trained_model(run), "whole", None)
            assert without.predictors.adversaries == {}
            assert without.predictors.classes == {"Smiling": ("no", "yes")}
            assert any(
                "privacy-gan evaluate" in note and "Smiling" in note for note in without.notes
            )
    broken = {**content, "learned": {"network": {}}}
    with replaced(kept, broken), pytest.raises(UserError, match=r"Smiling\.pt is damaged"):
        page_content(load_trained_model(run), "whole", None)


def classifier_files(run):
    folder = OmegaConf.load(run / "config.yaml").classifiers.folder
    return [path for path in Path(folder).rglob("*.pt") if path.name.count("-") == 1]


@contextmanager
def replaced(path, content):
    """Put something else in a file's place, or nothing, for a while."""
    aside = path.rename(path.with_suffix(".aside"))
    if content is not None:
        save_atomically(path, content)
    yield
    aside.replace(path)


def test_an_exported_folder_is_shown_with_nobody_who_is_asked(run, tmp_path):
    process = cli("export", f"run={run}", f"output={tmp_path / 'model'}", "onnx=false")
    assert process.returncode == 0, process.stderr
    with running_demo(tmp_path / "model") as (_, address):
        photo = io.BytesIO()
        Image.new("RGB", (30, 30), "red").save(photo, "PNG")
        with post(address, photo.getvalue(), address.rstrip("/")) as response:
            told = json.load(response)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            post(address, photo.getvalue(), "https://evil.example")
    assert [each["label"] for each in told["versions"]] == ["x", "x'", "x''", "x''"]
    assert told["opinions"] == []


def post(address, content, origin):
    """Ask as a page of a site has a browser ask."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}  # which needs nobody's leave
    request = urllib.request.Request(f"{address}censor", content, headers, method="POST")
    return urllib.request.urlopen(request, timeout=20)


def test_nobody_else_reaches_it(run):
    with running_demo(run) as (_, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        listening = Path("/proc/net/tcp").read_text().splitlines()
        places = {line.split()[1] for line in listening if line.split()[3] == "0A"}
        assert {place for place in places if place.endswith(f":{port:04X}")} == {
            f"0100007F:{port:04X}"
        }
        again = run_demo(run, f"port={port}")
        assert (again.returncode, again.stdout) == (2, "")
        assert again.stderr == (
            f"error: port={port} cannot be used (Address already in use): choose another; "
            "port=0 takes one that is free\n"
        )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["fit=stretch"], "fit=stretch is unknown: there are whole and center"),
        (["port=99999"], "port=99999 must be between 0 and 65535, a whole number"),
        (["port=80.5"], "port=80.5: give a whole number, such as 8000"),
        (["run=nowhere"], "nowhere is not a run folder"),
    ],
)
def test_mistakes_are_told_in_a_line(options, told, run):
    process = run_demo(*(["nowhere"] if options == ["run=nowhere"] else [run, *options]))
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("error: ")
    assert told in process.stderr
    assert process.stderr.count("\n") == 1


def test_sigterm_ends_it_and_leaves_the_run_as_it_was(run):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with running_demo(run) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
