"""Runs logged to Weights & Biases and TensorBoard."""

import json
import re
import signal
import socket
import subprocess
import time

import pytest
from commands import cli, run_train, start, train_command
from presets import JUDGED
from sweeps import sweep
from wandb_server import KEY, environment, serve_wandb, sync_offline_runs

from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result


@pytest.fixture(autouse=True)
def no_api_key(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


STOPPING = """
import os, signal
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer

class Stopping(AdversarialPrivatizer):
    steps = 0

    def training_step(self, batch, batch_idx):
        self.steps += 1
        if str(self.steps) == os.environ.get("STOP_IN_STEP"):
            os.kill(os.getpid(), signal.SIGTERM)
        super().training_step(batch, batch_idx)
"""


SHORT_TIMEOUTS = """
from privacy_gan.training import wandb_run
from privacy_gan.training.loggers import wandb_logger

wandb_run.CONNECT_TIMEOUT = wandb_run.FINISH_TIMEOUT = 2
"""


@pytest.fixture
def short_timeouts(tmp_path, monkeypatch):
    """Return options for a W&B logger with short timeouts."""
    (tmp_path / "short_timeouts.py").write_text(SHORT_TIMEOUTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return ["logger=wandb", "logger.wandb._target_=short_timeouts.wandb_logger"]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Return an offline run that was stopped in its second epoch and resumed, as W&B has it."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "stopping.py").write_text(STOPPING)
    overrides = ["logger=wandb", "privatizer._target_=stopping.Stopping", *JUDGED]
    overrides.append(f"classifiers.folder={folder / 'classifiers'}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRC", str(folder / "none"))
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("STOP_IN_STEP", "6")
        assert run_train(folder, *overrides).returncode == 128 + signal.SIGTERM
        patch.delenv("STOP_IN_STEP")
        process = run_train(folder, *overrides)
    assert process.returncode == 0, process.stderr
    (path,) = folder.rglob("result.json")
    run = RunFolder(path.parent)
    assert len(list(run.path.glob("wandb/offline-run-*"))) == 2
    (tracked,) = sync_offline_runs(run.path).values()
    return run, tracked


def test_offline_run_has_config_and_metrics_and_resumes(interrupted):
    run, tracked = interrupted
    assert tracked.project == "privacy_gan"
    assert tracked.group.startswith(str(run.path.parents[4]))
    constraint = tracked.config["privatizer"]["value"]["filter"]["constraint"]
    assert constraint["epsilon"] == 0.01
    # four steps per epoch, stopped after the sixth
    assert tracked.steps("train/filter/loss") == list(range(8))
    assert tracked.steps("valid/generator/distortion") == [3, 7]
    assert tracked.steps("faces") == [3, 7]
    assert {row["budget"] for row in tracked.history if "train/filter/distortion" in row} == {0.01}
    assert sum(name.startswith("media/images/faces_") for name in tracked.files) == 2
    result = Result.read(run.path / "result.json")
    evaluation = result.evaluations["Smiling"]
    loss = evaluation.measures["privacy_loss"].censored.value
    assert tracked.summary["result/Smiling/privacy_loss"] == loss
    done = evaluation.adversaries_done()
    assert tracked.summary["result/Smiling/adversaries_done"] == done
    assert ("at least" in tracked.summary["result/Smiling/summary"]) != done
    assert tracked.summary["result/Smiling"]["_type"] == "table-file"


def test_dashboard_shows_metrics_that_runs_log(interrupted):
    pytest.importorskip("wandb_workspaces")
    _, tracked = interrupted
    with serve_wandb() as server:
        process = cli("dashboard", f"group={tracked.group}", env=environment(server), real=True)
        assert process.returncode == 0, process.stderr
        (view,) = server.views
    assert re.match(r"saved: http\S+/me/privacy_gan\?nw=", process.stdout)
    section = json.loads(view["spec"])["section"]
    (run_set,) = section["runSets"]
    (group,) = run_set["filters"]["filters"]
    assert (group["key"]["name"], group["value"]) == ("group", tracked.group)
    panels = [panel for part in section["panelBankConfig"]["sections"] for panel in part["panels"]]
    trade_off, distortion, images = (panel["config"] for panel in panels)
    for axis in (trade_off["xAxis"], trade_off["yAxis"]):
        assert axis.removeprefix("summary:") in tracked.summary
    assert trade_off["zAxis"] == "config:epsilon.value"
    assert tracked.config["epsilon"]["value"] == 0.01
    for key in distortion["metrics"] + images["mediaKeys"]:
        assert tracked.steps(key), key


@pytest.mark.parametrize(
    ("surroundings", "message"),
    [
        ({}, "needs an API key"),
        ({"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:1"}, "does not respond"),
    ],
)
def test_dashboard_that_cannot_be_saved_fails_with_one_line(surroundings, message):
    process = cli("dashboard", "group=some", env=surroundings)
    assert process.returncode == 2
    assert process.stdout == ""
    assert message in process.stderr
    assert process.stderr.count("\n") == 1


def test_restarted_run_in_the_same_place_is_a_new_wandb_run(tmp_path):
    brief = ["logger=wandb", "privatizer=identity"]
    assert run_train(tmp_path, *brief).returncode == 0
    (tmp_path / "outputs").rename(tmp_path / "moved away")
    assert run_train(tmp_path, *brief).returncode == 0
    assert len(sync_offline_runs(tmp_path)) == 2


def test_sweep_is_a_wandb_group_with_named_runs_and_one_chart(tmp_path):
    judged = [*JUDGED, f"classifiers.folder={tmp_path / 'classifiers'}"]
    short = ["logger=wandb", "privatizer=identity", *judged]
    process = sweep(tmp_path, *short, "epsilon=0.01,0.02", "judge.queries=[1]")
    assert process.returncode == 0, process.stderr
    tracked = sync_offline_runs(tmp_path).values()
    assert {run.name for run in tracked} == {"epsilon=0.01", "epsilon=0.02", "sweep"}
    assert len({run.group for run in tracked}) == 1


def test_run_is_online_if_an_api_key_is_configured(tmp_path, monkeypatch):
    with serve_wandb() as server:
        for name, value in environment(server).items():
            monkeypatch.setenv(name, value)
        process = run_train(tmp_path, "logger=wandb", "trainer.max_epochs=1")
        assert process.returncode == 0, process.stderr
        (tracked,) = server.runs.values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]
    assert not list(tmp_path.rglob("offline-run-*"))


@pytest.mark.parametrize("failure", ["connection refused", "no response"])
def test_run_trains_without_the_wandb_server(tmp_path, short_timeouts, monkeypatch, failure):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if failure == "no response":
            server.listen()
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        process = run_train(tmp_path, *short_timeouts, "trainer.max_epochs=1")
    assert process.returncode == 0, process.stderr
    assert "W&B cannot be used" in process.stdout + process.stderr
    (tracked,) = sync_offline_runs(tmp_path).values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]


def test_run_trains_on_if_the_wandb_server_disappears(tmp_path, short_timeouts):
    command = train_command(tmp_path, *short_timeouts, "trainer.max_epochs=8")
    with serve_wandb() as server:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = start(command, env=environment(server), **pipes)
        while not server.runs and process.poll() is None:
            time.sleep(0.1)
        assert server.runs
    printed, _ = process.communicate(timeout=150)
    assert process.returncode == 0, printed
    assert list(tmp_path.rglob("result.json"))


def test_wandb_and_tensorboard_together(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    process = run_train(tmp_path, "logger=[wandb,tensorboard]", "trainer.max_epochs=1")
    assert process.returncode == 0, process.stderr
    (tracked,) = sync_offline_runs(tmp_path).values()
    assert tracked.steps("train/filter/loss") == [0, 1, 2, 3]
    events = event_accumulator.EventAccumulator(str(next(tmp_path.rglob("tensorboard"))))
    events.Reload()
    assert {"train/filter/distortion", "budget"} <= set(events.Tags()["scalars"])
