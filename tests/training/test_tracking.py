"""Runs tracked with Weights & Biases and TensorBoard."""

import os
import signal
import socket
import subprocess
import time

import pytest
from sweeps import sweep
from tiny_runs import JUDGED, ONE_THREAD, run_train, train_command
from wandb_server import KEY, environment, recording, synchronized

from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result


@pytest.fixture(autouse=True)
def without_key(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


STOPPING = """
import os, signal
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer

class Stopping(AdversarialPrivatizer):
    taken = 0

    def training_step(self, batch, batch_idx):
        self.taken += 1
        if str(self.taken) == os.environ.get("STOP_IN_STEP"):
            os.kill(os.getpid(), signal.SIGTERM)
        super().training_step(batch, batch_idx)
"""


def test_a_run_is_tracked_offline_as_it_was_configured_and_goes_on_when_it_does(
    tmp_path, monkeypatch
):
    (tmp_path / "stopping.py").write_text(STOPPING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    overrides = ["logger=wandb", "privatizer._target_=stopping.Stopping", *JUDGED]
    overrides.append(f"classifiers.folder={tmp_path / 'classifiers'}")
    monkeypatch.setenv("STOP_IN_STEP", "6")
    assert run_train(tmp_path, *overrides).returncode == 128 + signal.SIGTERM
    monkeypatch.delenv("STOP_IN_STEP")
    process = run_train(tmp_path, *overrides)
    assert process.returncode == 0, process.stderr
    (path,) = tmp_path.rglob("result.json")
    run, result = RunFolder(path.parent), Result.read(path)
    assert len(list(run.path.glob("wandb/offline-run-*"))) == 2
    (tracked,) = synchronized(run.path).values()
    assert tracked.project == "privacy_gan"
    assert tracked.group.startswith(str(tmp_path / "outputs"))
    constraint = tracked.config["privatizer"]["value"]["filter"]["constraint"]
    assert constraint["epsilon"] == 0.01
    # four steps an epoch, stopped after the sixth
    assert tracked.steps("train/filter/loss") == list(range(8))
    assert tracked.steps("valid/generator/distortion") == [3, 7]
    assert tracked.steps("faces") == [3, 7]
    assert {row["budget"] for row in tracked.history if "train/filter/distortion" in row} == {0.01}
    assert sum(name.startswith("media/images/faces_") for name in tracked.files) == 2
    loss = result.evaluations["Smiling"].measures["privacy_loss"].censored.value
    assert tracked.summary["result/Smiling/privacy_loss"] == loss
    assert tracked.summary["result/Smiling"]["_type"] == "table-file"


def test_a_run_that_is_begun_anew_in_the_same_place_is_another_tracked_run(tmp_path):
    brief = ["logger=wandb", "privatizer=identity"]
    assert run_train(tmp_path, *brief).returncode == 0
    (tmp_path / "outputs").rename(tmp_path / "moved away")
    assert run_train(tmp_path, *brief).returncode == 0
    assert len(synchronized(tmp_path)) == 2


def test_a_sweep_is_a_group_whose_runs_are_named_by_what_it_varies_and_has_one_chart(tmp_path):
    judged = [*JUDGED, f"classifiers.folder={tmp_path / 'classifiers'}"]
    short = ["logger=wandb", "privatizer=identity", "judge.adversaries.inversion=null", *judged]
    process = sweep(tmp_path, *short, "epsilon=0.01,0.02", "judge.queries=[1]")
    assert process.returncode == 0, process.stderr
    tracked = synchronized(tmp_path).values()
    assert {run.name for run in tracked} == {"epsilon=0.01", "epsilon=0.02", "sweep"}
    assert len({run.group for run in tracked}) == 1


def test_where_a_key_is_configured_runs_are_sent_as_they_train(tmp_path, monkeypatch):
    with recording() as server:
        for name, value in environment(server).items():
            monkeypatch.setenv(name, value)
        process = run_train(tmp_path, "logger=wandb", "trainer.max_epochs=1")
        assert process.returncode == 0, process.stderr
        (tracked,) = server.runs.values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]
    assert not list(tmp_path.rglob("offline-run-*"))


@pytest.mark.parametrize("answer", ["nobody is there", "nobody answers"])
def test_a_server_that_cannot_be_reached_stops_no_run(tmp_path, monkeypatch, answer):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answer == "nobody answers":
            server.listen()
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        process = run_train(tmp_path, "logger=wandb", "trainer.max_epochs=1")
    assert process.returncode == 0, process.stderr
    assert "Weights & Biases cannot be used" in process.stdout + process.stderr
    (tracked,) = synchronized(tmp_path).values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]


def test_a_server_that_goes_away_stops_no_run(tmp_path):
    command = train_command(tmp_path, "logger=wandb", "trainer.max_epochs=8")
    with recording() as server:
        process = subprocess.Popen(
            command,
            env=os.environ | ONE_THREAD | environment(server),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not server.runs and process.poll() is None:
            time.sleep(0.1)
    printed, _ = process.communicate(timeout=150)
    assert process.returncode == 0, printed
    assert list(tmp_path.rglob("result.json"))


def test_two_trackers_at_once(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    process = run_train(tmp_path, "logger=[wandb,tensorboard]", "trainer.max_epochs=1")
    assert process.returncode == 0, process.stderr
    (tracked,) = synchronized(tmp_path).values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]
    events = event_accumulator.EventAccumulator(str(next(tmp_path.rglob("tensorboard"))))
    events.Reload()
    assert {"train/filter/distortion", "budget"} <= set(events.Tags()["scalars"])
