"""A run's processes start and end together, whether one fails, is killed or receives a signal."""

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
from processes import all_exited, kill_at_end

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
    "privatizer._target_=failing.Mechanism",
    "judge._target_=failing.Judge",
]
FAILING = """
import os
from privacy_gan import distributed
from privacy_gan.evaluation import judge
from privacy_gan.privatizers import adversarial

def maybe_fail(stage):
    failure, at, rank = os.environ.get("FAILURE", "  ").split(" ")
    if at == stage and distributed.rank() == int(rank):
        if failure == "killed":
            os.kill(os.getpid(), 9)
        raise ArithmeticError("the numbers are off")

class Mechanism(adversarial.AdversarialPrivatizer):
    def training_step(self, batch, batch_idx):
        maybe_fail(f"{self.current_epoch}.{batch_idx}")
        maybe_fail(f"epsilon={self.filter.constraint.epsilon}")
        super().training_step(batch, batch_idx)

class Judge(judge.Judge):
    def build_attack(self, *what):
        maybe_fail("judging")
        return super().build_attack(*what)
"""


@pytest.fixture(autouse=True)
def failing(tmp_path, monkeypatch):
    (tmp_path / "failing.py").write_text(FAILING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)


def command(folder, *overrides):
    classifiers = f"classifiers.folder='{folder / 'classifiers'}'"
    return train_command(folder, *overrides, classifiers, preset=TOY, cached=False)


def run(folder, *overrides, **options):
    return run_command(command(folder, *overrides), **options)


def records(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("result.json"))]


def test_two_processes_give_the_same_evaluation_as_one(tmp_path):
    process = run(tmp_path, TWO)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("maj.: majority baseline") == 1
    (record,) = records(tmp_path)
    (result,) = tmp_path.rglob("result.json")
    saved = read_artifact(result.parent / "adversaries" / "Sign.pt")
    classifiers = f"classifiers.folder={tmp_path / 'other classifiers'}"
    again = cli("evaluate", f"run={result.parent}", "trainer.devices=1", classifiers)
    assert again.returncode == 0, again.stderr
    (by_one,) = records(tmp_path)
    assert by_one["evaluations"] == record["evaluations"]
    assert by_one["training"] == record["training"]
    saved_by_one = read_artifact(result.parent / "adversaries" / "Sign.pt")
    for key in ("adversary", "accuracy"):
        assert saved[key] == saved_by_one[key]
    assert saved["learned"].keys() == saved_by_one["learned"].keys()
    # four networks, kernel ridge and the stack, with 1 and 2 queries
    assert len(record["evaluations"]["Sign"]["adversaries"]) == 6 * 2


@pytest.mark.parametrize(
    "failure",
    ["killed 1.2 1", "killed 1.2 0", "raises 1.2 1", "killed judging 1", "raises judging 0"],
)
def test_a_failed_process_ends_its_run_which_can_be_resumed(tmp_path, failure):
    process = run(tmp_path, TWO, cwd=tmp_path, env={"FAILURE": failure})
    assert all_exited(tmp_path, seconds=1)
    assert process.returncode != 0
    assert not records(tmp_path)
    kind, stage, rank = failure.split(" ")
    if kind == "killed":
        error = f"error: process {rank} of the run was killed (SIGKILL): did it run out of memory?"
        assert process.stderr.count(error) == 1, process.stderr
        assert "Traceback" not in process.stderr
    else:
        assert process.stderr.count("Traceback") == 1, process.stderr
        assert process.stderr.rstrip().endswith("ArithmeticError: the numbers are off")
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    saved = torch.load(checkpoint, weights_only=True)["epoch"]
    assert saved == (2 if stage == "judging" else 0)
    if kind == "killed":
        again = run(tmp_path, TWO)
        assert again.returncode == 0, again.stderr
        (metrics,) = tmp_path.rglob("metrics.csv")
        steps = [line.partition(",")[0] for line in metrics.read_text().splitlines()[1:]]
        assert steps[:12] == [str(step) for step in range(12)]
        assert len(steps) == 12 + (stage == "judging")  # a validation row for the result
        assert len(records(tmp_path)) == 1


def test_a_sweep_of_runs_with_two_processes_continues_after_a_failed_run(tmp_path, tiny):
    folder = tmp_path / "a folder with=signs, quoted"
    grid = ["-m", TWO, "epsilon=0.25,0.5,1.0", f"output_dir='{folder}'", "logger=wandb"]
    process = run(tmp_path, *grid, cwd=tmp_path, env={"FAILURE": "raises epsilon=0.5 1"})
    assert process.returncode != 0
    assert "sweep of 3 runs: 2 finished, 1 failed" in process.stdout, process.stdout
    assert "ArithmeticError: the numbers are off" in process.stdout
    assert all_exited(tmp_path, seconds=1)
    assert [record["fingerprint"]["epsilon"] for record in records(folder)] == [0.25, 1.0]
    for path in folder.rglob("result.json"):
        config = OmegaConf.load(path.parent / "config.yaml")
        assert config.epsilon == json.loads(path.read_text())["fingerprint"]["epsilon"]
        output = (path.parent / "output.log").read_text()
        assert output.count(" after filter-entropy") == 1, output
    process = run(tmp_path, *grid, cwd=tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert all_exited(tmp_path, seconds=1)
    results = records(folder)
    assert [record["fingerprint"]["epsilon"] for record in results] == [0.25, 0.5, 1.0]
    for record in results:
        assert record["evaluations"]["Sign"]["measures"]
        overrides = [f"epsilon={record['fingerprint']['epsilon']}", "evaluate=false"]
        _, by_one = train(tiny(*overrides, preset=TOY, cached=False))
        assert record["training"] == pytest.approx(by_one.training, rel=1e-3)
    tracked = [path.read_bytes() for path in folder.rglob("offline-run-*/*.wandb")]
    assert sum(b"privacy_loss" in content for content in tracked) == 3  # the runs
    assert sum(b"trade-off" in content for content in tracked) == 2  # the sweep's charts


def test_ctrl_c_stops_two_parallel_runs_with_two_processes_each(tmp_path):
    at_once = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "trainer.max_epochs=100000"]
    both = command(tmp_path, "-m", TWO, "seed=0,1", *at_once)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start(both, cwd=tmp_path, **pipes) as sweep, kill_at_end(tmp_path):
        deadline = time.monotonic() + 60
        while len(list(tmp_path.rglob("last.ckpt"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        sweep.send_signal(signal.SIGINT)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 128 + signal.SIGINT, printed
    assert "sweep of 2 runs: 2 not finished" in printed
    assert all_exited(tmp_path, seconds=1)
    for output in tmp_path.rglob("output.log"):
        assert output.read_text().count("interrupted: stopped in epoch") == 1
        assert "Traceback" not in output.read_text()
        assert "error" not in output.read_text()


def test_torchrun_may_start_the_processes(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    process = run_command([*torchrun, "--nproc-per-node=2", *command(tmp_path, TWO)[1:]])
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("maj.: majority baseline") == 1
    assert len(records(tmp_path)) == 1


def test_commands_started_on_two_nodes_train_one_run(tmp_path):
    with reserve_port() as port:
        rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        one = command(tmp_path, TWO, "trainer.num_nodes=2", "trainer.devices=1")
        nodes = [
            start(one, env=rendezvous | {"NODE_RANK": str(node)}, stdout=subprocess.PIPE)
            for node in range(2)
        ]
        outputs = [node.communicate(timeout=200)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0]
    assert ["maj.: majority baseline" in output for output in outputs] == [True, False]
    (record,) = records(tmp_path)
    assert record["training"]


def values(environments, name):
    return [environment[name] for environment in environments]


def test_processes_have_different_ranks_and_share_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    with torchrun_environments(3, nodes=1) as ranks:
        assert values(ranks, "RANK") == ["0", "1", "2"]
        assert values(ranks, "LOCAL_RANK") == ["0", "1", "2"]
        assert values(ranks, "WORLD_SIZE") == ["3"] * 3
        assert values(ranks, "OMP_NUM_THREADS") == ["2"] * 3
        assert len(set(values(ranks, "MASTER_PORT"))) == 1
    monkeypatch.setenv("NODE_RANK", "1")
    monkeypatch.setenv("MASTER_ADDR", "first")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with torchrun_environments(2, nodes=2) as ranks:
        assert values(ranks, "RANK") == ["2", "3"]
        assert values(ranks, "LOCAL_RANK") == ["0", "1"]
        assert values(ranks, "MASTER_ADDR") == ["first"] * 2
        assert values(ranks, "MASTER_PORT") == ["29500"] * 2
    monkeypatch.delenv("MASTER_PORT")
    with (
        pytest.raises(UserError, match=r"NODE_RANK=0, 1, \.\.\., MASTER_ADDR="),
        torchrun_environments(2, nodes=2),
    ):
        pass


def test_a_reserved_port_is_not_reserved_twice_but_accepts_a_listener():
    with reserve_port() as port, reserve_port() as other:
        assert port != other
        with closing(socket.socket()) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", port))
            listener.listen()


def test_devices_auto_starts_a_process_for_each_gpu(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    trainer = OmegaConf.create({"strategy": {}, "devices": "auto", "num_nodes": 1})
    with rank_environments(trainer, {VISIBLE_DEVICES: "GPU-a,GPU-b"}) as ranks:
        assert values(ranks, "LOCAL_RANK") == ["0", "1"]
    with pytest.raises(UserError, match=r"nvidia-smi shows none here: .* set trainer=ddp_cpu"):
        rank_environments(trainer, {})


def test_ddp_trains_with_one_process(tmp_path):
    process = run(tmp_path, TWO, "trainer.devices=1", "evaluate=false")
    assert process.returncode == 0, process.stderr
    assert len(records(tmp_path)) == 1


HANGING = """
import sys, threading
from pathlib import Path
from privacy_gan.sweeping.processes import Failure
Failure("reported", 3).write(Path(sys.argv[1]), 0)
threading.Event().wait()
"""


def test_a_process_that_hangs_after_a_failure_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("privacy_gan.sweeping.processes.GRACE_SECONDS", 0.5)
    processes = Processes([sys.executable, "-c", HANGING, tmp_path], [os.environ], None, tmp_path)
    started = time.monotonic()
    while not processes.have_ended():
        assert time.monotonic() - started < 30
        time.sleep(0.1)
    processes.kill()
    assert processes.failed
    cause = root_cause(read_failures(tmp_path), processes.exit_codes, several=False)
    assert cause.reason == "reported"


WATCHING = """
import sys, threading
from privacy_gan.sweeping.processes import exit_with_parent
exit_with_parent(int(sys.argv[1]))
threading.Event().wait()
"""


@pytest.mark.parametrize("ends_before", [True, False])
def test_a_launchers_process_exits_with_the_sweep_even_if_that_ended_before(ends_before):
    sweep = subprocess.Popen(["sleep", "100"])
    if ends_before:
        sweep.kill()
        sweep.wait()
    launcher = subprocess.Popen([sys.executable, "-c", WATCHING, str(sweep.pid)])
    if not ends_before:
        time.sleep(0.5)
        assert launcher.poll() is None
        sweep.kill()
        sweep.wait()
    assert launcher.wait(timeout=60) == -signal.SIGKILL


def test_root_cause_of_a_failed_run():
    first = Failure("first", at=1.0)
    second = Failure("second", at=2.0)
    secondary = Failure("connection closed", is_secondary=True, at=0.5)
    assert root_cause([first, second], {1: 1, 0: 1}, several=True) is first
    # a killed process reports nothing, and the others only report the lost connection
    cause = root_cause([secondary], {0: 1, 1: -signal.SIGKILL}, several=True)
    assert cause.reason.startswith("process 1 of the run was killed (SIGKILL)")
    assert cause.exit_code == 128 + signal.SIGKILL
    # its library aborted process 1 because process 0 had failed
    assert root_cause([first], {1: -signal.SIGABRT, 0: 1}, several=True) is first
    assert root_cause([secondary], {0: 1, 1: 0}, several=True) is secondary
    cause = root_cause([], {0: -signal.SIGSEGV}, several=False)
    assert cause.reason == "the run was killed by SIGSEGV"
    assert root_cause([], {0: 7}, several=False).exit_code == 7


@pytest.mark.parametrize(
    "environment", [{"LOCAL_RANK": "1"}, {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}]
)
def test_a_process_of_torchrun_or_slurm_starts_no_other_and_reserves_no_gpu(
    environment, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("privacy_gan.sweeping.gpus.visible_gpus", lambda: ["GPU-a"])
    trainer = {"strategy": {}, "devices": 1, "accelerator": "gpu"}
    config = OmegaConf.create({"trainer": trainer, "runs_per_device": 1})
    with reserve_run_gpus(config) as first, reserve_run_gpus(config) as second:
        assert (first, second) == ({}, {})
    with rank_environments(config.trainer, {}) as ranks:
        assert ranks == [{}]
