"""A run's processes: how they begin, and that they end together, however one of them ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
import torch
from commands import cli, start, train_command
from commands import run as run_command
from omegaconf import OmegaConf
from presets import NUMBERS
from processes import all_exited

from privacy_gan.commands.train import train
from privacy_gan.errors import UserError
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.sweeping.gpus import VISIBLE_DEVICES
from privacy_gan.sweeping.processes import (
    Failure,
    Processes,
    read_failures,
    reserve_port,
    root_cause,
    torchrun_environments,
)
from privacy_gan.sweeping.supervisor import rank_environments, reserve_run_gpus

TWO = "trainer=ddp_cpu"
TOY = [
    *NUMBERS,
    "privatizer=filter",
    "trainer.max_epochs=3",
    "checkpoint_minutes=1e-9",
    "privatizer._target_=dying.Mechanism",
    "judge._target_=dying.Judge",
]
DYING = """
import os
from privacy_gan import distributed
from privacy_gan.evaluation import judge
from privacy_gan.privatizers import adversarial

def live_through(stage):
    how, at, rank = os.environ.get("DIES", "  ").split(" ")
    if at == stage and distributed.rank() == int(rank):
        if how == "killed":
            os.kill(os.getpid(), 9)
        raise ArithmeticError("the numbers are off")

class Mechanism(adversarial.AdversarialPrivatizer):
    def training_step(self, batch, batch_idx):
        live_through(f"{self.current_epoch}.{batch_idx}")
        live_through(f"epsilon={self.filter.constraint.epsilon}")
        super().training_step(batch, batch_idx)

class Judge(judge.Judge):
    def build_attack(self, *what):
        live_through("judging")
        return super().build_attack(*what)
"""


@pytest.fixture(autouse=True)
def dying(tmp_path, monkeypatch):
    (tmp_path / "dying.py").write_text(DYING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)


def command(folder, *overrides):
    classifiers = f"classifiers.folder='{folder / 'classifiers'}'"
    return train_command(folder, *overrides, classifiers, preset=TOY, cached=False)


def run(folder, *overrides, **how):
    return run_command(command(folder, *overrides), **how)


def records(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("result.json"))]


def test_the_judges_work_is_divided_and_its_findings_are_those_of_one_process(tmp_path):
    process = run(tmp_path, TWO)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("privacy loss (accuracy)") == 1
    (record,) = records(tmp_path)
    (result,) = tmp_path.rglob("result.json")
    kept = read_artifact(result.parent / "adversaries" / "Sign.pt")
    anew = f"classifiers.folder={tmp_path / 'anew'}"
    again = cli("evaluate", f"run={result.parent}", "trainer.devices=1", anew)
    assert again.returncode == 0, again.stderr
    (alone,) = records(tmp_path)
    assert alone["evaluations"] == record["evaluations"]
    assert alone["training"] == record["training"]
    by_one = read_artifact(result.parent / "adversaries" / "Sign.pt")
    assert (kept["adversary"], kept["accuracy"]) == (by_one["adversary"], by_one["accuracy"])
    assert kept["learned"].keys() == by_one["learned"].keys()
    assert len(record["evaluations"]["Sign"]["adversaries"]) == 4 * 2


@pytest.mark.parametrize(
    "dies", ["killed 1.2 1", "killed 1.2 0", "raises 1.2 1", "killed judging 1", "raises judging 0"]
)
def test_a_process_that_dies_takes_the_run_with_it_which_can_be_gone_on_with(tmp_path, dies):
    process = run(tmp_path, TWO, cwd=tmp_path, env={"DIES": dies})
    assert all_exited(tmp_path, seconds=1)
    assert process.returncode != 0
    assert not records(tmp_path)
    how, stage, rank = dies.split(" ")
    if how == "killed":
        told = f"error: process {rank} of the run was killed (SIGKILL): did it run out of memory"
        assert process.stderr.count(told) == 1, process.stderr
        assert "Traceback" not in process.stderr
    else:
        assert process.stderr.count("Traceback") == 1, process.stderr
        assert process.stderr.rstrip().endswith("ArithmeticError: the numbers are off")
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    saved = torch.load(checkpoint, weights_only=True)["epoch"]
    assert saved == (2 if stage == "judging" else 0)
    if how == "killed":
        again = run(tmp_path, TWO)
        assert again.returncode == 0, again.stderr
        (metrics,) = tmp_path.rglob("metrics.csv")
        steps = [line.partition(",")[0] for line in metrics.read_text().splitlines()[1:]]
        assert steps[:12] == [str(step) for step in range(12)]
        assert len(steps) == 12 + (stage == "judging")  # validated again, for the result
        assert len(records(tmp_path)) == 1


def test_a_sweep_of_such_runs_goes_on_past_one_that_fails_and_leaves_nothing_behind(tmp_path, tiny):
    folder = tmp_path / "a folder with=signs, quoted"
    grid = ["-m", TWO, "epsilon=0.25,0.5,1.0", f"output_dir='{folder}'", "logger=wandb"]
    process = run(tmp_path, *grid, cwd=tmp_path, env={"DIES": "raises epsilon=0.5 1"})
    assert process.returncode != 0
    assert "sweep of 3 runs: 2 finished, 1 failed" in process.stdout, process.stdout
    assert "ArithmeticError: the numbers are off" in process.stdout
    assert all_exited(tmp_path, seconds=1)
    assert [record["fingerprint"]["epsilon"] for record in records(folder)] == [0.25, 1.0]
    for path in folder.rglob("result.json"):
        config = OmegaConf.load(path.parent / "config.yaml")
        assert config.epsilon == json.loads(path.read_text())["fingerprint"]["epsilon"]
        output = (path.parent / "output.log").read_text()
        assert output.count(", hidden by filter-entropy, ") == 1, output
    process = run(tmp_path, *grid, cwd=tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert all_exited(tmp_path, seconds=1)
    found = records(folder)
    assert [record["fingerprint"]["epsilon"] for record in found] == [0.25, 0.5, 1.0]
    for record in found:
        assert record["evaluations"]["Sign"]["measures"]
        one = [f"epsilon={record['identity']['epsilon']}", "evaluate=false"]
        _, alone = train(tiny(*one, preset=TOY, cached=False))
        assert record["training"] == pytest.approx(alone.training, rel=1e-3)
    tracked = [path.read_bytes() for path in folder.rglob("offline-run-*/*.wandb")]
    assert sum(b"privacy_loss" in stored for stored in tracked) == 3  # the runs
    assert sum(b"trade-off" in stored for stored in tracked) == 2  # the sweep's charts


def test_two_such_runs_at_once_and_ctrl_c(tmp_path):
    at_once = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.max_epochs=100000"]
    both = command(tmp_path, "-m", TWO, "seed=0,1", *at_once)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start(both, cwd=tmp_path, **pipes) as sweep:
        until = time.monotonic() + 60
        while len(list(tmp_path.rglob("last.ckpt"))) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        sweep.send_signal(signal.SIGINT)
        said, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 128 + signal.SIGINT, said
    assert "sweep of 2 runs: 2 not finished" in said
    assert all_exited(tmp_path, seconds=1)
    for output in tmp_path.rglob("output.log"):
        assert output.read_text().count("interrupted: stopped in epoch") == 1
        assert "Traceback" not in output.read_text()
        assert "error" not in output.read_text()


def test_torchrun_starts_the_processes_as_well(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    process = run_command([*torchrun, "--nproc-per-node=2", *command(tmp_path, TWO)[1:]], real=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("privacy loss (accuracy)") == 1
    assert len(records(tmp_path)) == 1


def test_nodes_that_were_started_by_hand_train_one_run(tmp_path):
    with reserve_port() as port:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        one = command(tmp_path, TWO, "trainer.num_nodes=2", "trainer.devices=1")
        nodes = [
            start(one, env=meeting | {"NODE_RANK": str(node)}, stdout=subprocess.PIPE)
            for node in range(2)
        ]
        said = [node.communicate(timeout=200)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0]
    assert ["privacy loss (accuracy)" in each for each in said] == [True, False]
    (record,) = records(tmp_path)
    assert record["training"]


def test_processes_are_told_apart_and_share_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    with torchrun_environments(3, nodes=1) as told:
        assert [each["RANK"] for each in told] == ["0", "1", "2"]
        assert [each["LOCAL_RANK"] for each in told] == ["0", "1", "2"]
        assert {each["WORLD_SIZE"] for each in told} == {"3"}
        assert {each["OMP_NUM_THREADS"] for each in told} == {"2"}
        assert len({each["MASTER_PORT"] for each in told}) == 1
    monkeypatch.setenv("NODE_RANK", "1")
    monkeypatch.setenv("MASTER_ADDR", "first")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with torchrun_environments(2, nodes=2) as told:
        assert [each["RANK"] for each in told] == ["2", "3"]
        assert [each["LOCAL_RANK"] for each in told] == ["0", "1"]
        assert {(each["MASTER_ADDR"], each["MASTER_PORT"]) for each in told} == {("first", "29500")}
    monkeypatch.delenv("MASTER_PORT")
    with (
        pytest.raises(UserError, match=r"NODE_RANK=0, 1, \.\.\., MASTER_ADDR="),
        torchrun_environments(2, nodes=2),
    ):
        pass


def test_a_reserved_port_is_given_to_nobody_else_but_can_be_listened_on():
    with reserve_port() as port, reserve_port() as other:
        assert port != other
        with closing(socket.socket()) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", port))
            listener.listen()


def test_all_gpus_of_a_node_are_taken_a_process_each(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    trainer = OmegaConf.create({"strategy": {}, "devices": "auto", "num_nodes": 1})
    with rank_environments(trainer, {VISIBLE_DEVICES: "GPU-a,GPU-b"}) as told:
        assert [each["LOCAL_RANK"] for each in told] == ["0", "1"]
    with pytest.raises(UserError, match="nvidia-smi shows none here: trainer=ddp_cpu"):
        rank_environments(trainer, {})


def test_one_process_needs_no_other_and_no_connection(tmp_path, monkeypatch):
    process = run(tmp_path, TWO, "trainer.devices=1", "evaluate=false")
    assert process.returncode == 0, process.stderr
    assert len(records(tmp_path)) == 1


HANGING = """
import sys, threading
from pathlib import Path
from privacy_gan.sweeping.processes import Failure
Failure("said so", 3).leave(Path(sys.argv[1]), 0)
threading.Event().wait()
"""


def test_a_process_that_failed_is_not_waited_for_forever(tmp_path, monkeypatch):
    monkeypatch.setattr("privacy_gan.sweeping.processes.GRACE_SECONDS", 0.5)
    processes = Processes([sys.executable, "-c", HANGING, tmp_path], [os.environ], None, tmp_path)
    started = time.monotonic()
    while not processes.have_exited():
        assert time.monotonic() - started < 30
        time.sleep(0.1)
    processes.kill()
    assert processes.failed
    assert root_cause(read_failures(tmp_path), processes.ended, several=False).reason == "said so"


DYING_WITH = """
import sys, threading
from privacy_gan.sweeping.processes import exit_with_parent
exit_with_parent(int(sys.argv[1]))
threading.Event().wait()
"""


@pytest.mark.parametrize("ends", [True, False])
def test_a_launchers_process_dies_with_the_sweep_even_if_that_has_ended_before(ends):
    sweep = subprocess.Popen(["sleep", "100"])
    if ends:
        sweep.kill()
        sweep.wait()
    launched = subprocess.Popen([sys.executable, "-c", DYING_WITH, str(sweep.pid)])
    if not ends:
        time.sleep(0.5)
        assert launched.poll() is None
        sweep.kill()
        sweep.wait()
    assert launched.wait(timeout=60) == -signal.SIGKILL


def test_who_is_to_blame():
    first = Failure("first", at=1.0)
    second = Failure("second", at=2.0)
    is_secondary = Failure("connection closed", is_secondary=True, at=0.5)
    assert root_cause([first, second], {1: 1, 0: 1}, several=True) is first
    # who was killed cannot say so, and those that lost it do not know why
    told = root_cause([is_secondary], {0: 1, 1: -signal.SIGKILL}, several=True)
    assert told.reason.startswith("process 1 of the run was killed (SIGKILL)")
    assert told.exit_code == 128 + signal.SIGKILL
    # aborted by its library because another failed
    assert root_cause([first], {1: -signal.SIGABRT, 0: 1}, several=True) is first
    assert root_cause([is_secondary], {0: 1, 1: 0}, several=True) is is_secondary
    assert (
        root_cause([], {0: -signal.SIGSEGV}, several=False).reason
        == "the run was killed by SIGSEGV"
    )
    assert root_cause([], {0: 7}, several=False).exit_code == 7


@pytest.mark.parametrize(
    "launched", [{"LOCAL_RANK": "1"}, {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}]
)
def test_who_was_started_with_others_starts_nobody_and_claims_no_gpu(launched, monkeypatch):
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("privacy_gan.sweeping.gpus.visible_gpus", lambda: ["GPU-a"])
    trainer = {"strategy": {}, "devices": 1, "accelerator": "gpu"}
    config = OmegaConf.create({"trainer": trainer, "runs_per_device": 1})
    with reserve_run_gpus(config) as first, reserve_run_gpus(config) as second:
        assert (first, second) == ({}, {})
    with rank_environments(config.trainer, {}) as told:
        assert told == [{}]
