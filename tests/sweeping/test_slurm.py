"""Sweeps through a real SLURM, which the tests start and stop."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from commands import start, train_command
from filelock import FileLock
from processes import all_exited
from sweeps import sweep

CLUSTER = Path(__file__).with_name("cluster.sh")
missing = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(name)]
needs_slurm = [
    pytest.mark.skipif(bool(missing), reason=f"SLURM is not installed: no {', '.join(missing)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a SLURM of one's own needs root"),
]

ON_CPUS = [
    "hydra.launcher.gres=null",
    "hydra.launcher.cpus_per_task=2",
    "hydra.launcher.mem_gb=null",
]
A_RUN_EACH = ["hydra/launcher=dgx", *ON_CPUS]
# three epochs; in the second a run waits for a file, unless it is asked to stop
PATIENT = [
    "trainer.max_epochs=3",
    "privatizer=filter",
    "privatizer._target_=patient.Patient",
]
MODULE = """
import os
import time
from pathlib import Path
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.training.checkpointing import SaveLastCheckpoint

class Patient(AdversarialPrivatizer):
    def training_step(self, batch, batch_idx):
        (saving,) = (each for each in self.trainer.callbacks if isinstance(each, SaveLastCheckpoint))
        while self.current_epoch == 1 and not Path(os.environ["GO_ON"]).exists():
            if saving.requests.received is not None:
                break
            time.sleep(0.05)
        super().training_step(batch, batch_idx)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start SLURM; the environment that its commands need."""
    folder = tmp_path_factory.mktemp("slurm")
    others = tmp_path_factory.getbasetemp().parent / "slurm.lock"
    try:
        with FileLock(others):  # another worker's, which may look for free ports, too
            subprocess.run([CLUSTER, "start", folder], check=True)
        yield {"SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        subprocess.run([CLUSTER, "stop", folder], check=True)


@pytest.fixture
def slurm(cluster):
    """Run a command of SLURM's, and leave no job and no drained node behind."""

    def run(*command):
        environment = os.environ | cluster
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()

    yield run
    run("scancel", "--me", "--signal=KILL", "--full")
    run("scancel", "--me")
    for node in set(run("sinfo", "--noheader", "--Node", "--states=drain", "--format=%N")):
        run("scontrol", "update", f"NodeName={node}", "State=RESUME")
    until(lambda: not run("squeue", "--noheader"))


def until(condition, seconds=120):
    """Wait for something, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def running(slurm):
    """Return the numbers of jobs that are at work, and their nodes."""
    listed = slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i=%N")
    return dict(entry.split("=") for entry in listed)


def run_now(slurm):
    """Start a job that was put into the queue again: SLURM waits two minutes with these."""

    def queued_again():
        pending = slurm("squeue", "--noheader", "--array", "--states=PENDING", "--format=%i=%r")
        return [entry.split("=")[0] for entry in pending if "=BeginTime" in entry]

    (name,) = until(queued_again)
    slurm("scontrol", "update", f"JobId={name}", "StartTime=now")
    return name


@contextmanager
def going_on(folder, cluster, *overrides):
    """Start a sweep, whose process is yielded once as many runs as have room have begun."""
    command = train_command(folder, "-m", *A_RUN_EACH, *PATIENT, *overrides)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, env=cluster, **pipes) as process:
        try:
            until(lambda: begun(folder) == 2 or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def begun(folder):
    """Return how many runs have trained for an epoch."""
    return len(list(folder.rglob("epoch-0001.png")))


def ended(process):
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return out, err


def weights(folder):
    return {
        path.parent.name: torch.load(path, weights_only=True)["state_dict"]
        for path in folder.rglob("last.ckpt")
    }


@pytest.fixture(autouse=True)
def patient(tmp_path_factory, monkeypatch):
    """Put the runs' mechanism in reach; return the file that they wait for."""
    folder = tmp_path_factory.mktemp("patient")
    (folder / "patient.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("GO_ON", str(folder / "go on"))
    return folder / "go on"


@pytest.fixture(scope="module")
def uninterrupted(once):
    return weights(once("not_on_a_cluster", train_three))


def train_three(folder):
    (folder / "patient.py").write_text(MODULE)
    surroundings = {"PYTHONPATH": str(folder), "GO_ON": str(folder)}
    assert sweep(folder, *PATIENT, "seed=0,1,2", env=surroundings).returncode == 0


def assert_same(folder, uninterrupted):
    """Each run ended bit for bit as if it had not been interrupted."""
    trained = weights(folder)
    assert len(trained) >= 2
    expected = {name: uninterrupted[name] for name in trained}
    torch.testing.assert_close(trained, expected, rtol=0, atol=0)


class TestOnACluster:
    pytestmark = needs_slurm

    def test_a_sweep_goes_on_where_one_of_its_jobs_was_preempted(
        self, tmp_path, cluster, slurm, patient, uninterrupted
    ):
        with going_on(tmp_path, cluster, "seed=0,1,2") as process:
            first = min(running(slurm))
            slurm("scancel", "--signal=USR1", first)
            assert run_now(slurm) == first
            assert not list(tmp_path.rglob("result.json"))
            patient.touch()
            out, err = ended(process)
        assert process.returncode == 0, err
        assert "submitted 3 jobs to SLURM" in out
        assert "sweep of 3 runs: 3 finished" in out
        assert out.count("begun  seed=") == 4
        assert "Restarts=1" in slurm("scontrol", "show", "job", first)
        assert_same(tmp_path, uninterrupted)
        assert not list((tmp_path / "outputs").glob(".sweep-*"))

    def test_a_job_of_more_importance_takes_the_place_of_a_run_which_goes_on_later(
        self, tmp_path, cluster, slurm, patient, uninterrupted
    ):
        with going_on(tmp_path, cluster, "seed=0,1") as process:
            urgent = ["--partition=urgent", "--cpus-per-task=2", "--output=/dev/null"]
            slurm("sbatch", *urgent, "--wrap=sleep 1")
            run_now(slurm)
            patient.touch()
            out, err = ended(process)
        assert process.returncode == 0, err
        assert out.count("begun  seed=") == 3
        assert_same(tmp_path, uninterrupted)

    def test_a_run_whose_node_is_drained_goes_on_on_another(
        self, tmp_path, cluster, slurm, patient, uninterrupted
    ):
        with going_on(tmp_path, cluster, "seed=0,1") as process:
            job, node = min(running(slurm).items())
            slurm("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
            slurm("scontrol", "requeue", job)
            assert run_now(slurm) == job
            patient.touch()
            until(lambda: running(slurm).get(job, node) != node)
            _, err = ended(process)
        assert process.returncode == 0, err
        assert_same(tmp_path, uninterrupted)

    def test_ctrl_c_cancels_what_waits_and_has_what_is_at_work_save_its_state(
        self, tmp_path, cluster, slurm
    ):
        with going_on(tmp_path, cluster, "seed=0,1,2") as process:
            process.send_signal(signal.SIGINT)
            out, _ = ended(process)
        assert process.returncode == 128 + signal.SIGINT
        assert "sweep of 3 runs: 3 not finished" in out
        assert len(weights(tmp_path)) == 2
        assert not slurm("squeue", "--noheader")

    def test_jobs_go_on_without_the_command_that_submitted_them(
        self, tmp_path, cluster, slurm, patient, uninterrupted
    ):
        with going_on(tmp_path, cluster, "seed=0,1") as process:
            process.kill()
        patient.touch()
        until(lambda: not slurm("squeue", "--noheader"))
        again = sweep(tmp_path, *A_RUN_EACH, *PATIENT, "seed=0,1", env=cluster)
        assert "sweep of 2 runs: 2 finished before" in again.stdout
        assert_same(tmp_path, uninterrupted)

    def test_a_job_that_is_not_to_be_queued_again_is_gone_on_with_by_the_command(
        self, tmp_path, cluster, slurm, patient, uninterrupted
    ):
        overrides = ["seed=0,1", "hydra.launcher.requeue=false"]
        with going_on(tmp_path, cluster, *overrides) as process:
            first = min(running(slurm))
            slurm("scancel", "--signal=USR1", first)
            until(lambda: first not in running(slurm))
            patient.touch()
            out, _ = ended(process)
        assert process.returncode == 1, out
        assert "sweep of 2 runs: 1 finished, 1 not finished" in out
        again = sweep(tmp_path, *A_RUN_EACH, *PATIENT, *overrides, env=cluster)
        assert "sweep of 2 runs: 1 finished before, 1 finished" in again.stdout
        assert_same(tmp_path, uninterrupted)

    def test_one_run_over_two_nodes_is_one_run(self, tmp_path, cluster):
        nodes = [
            "hydra/launcher=nodes",
            *ON_CPUS,
            "hydra.launcher.tasks_per_node=1",
            *("trainer=slurm", "trainer.accelerator=cpu"),
        ]
        # where both nodes are, whatever they are called
        meeting = {"MASTER_ADDR": "127.0.0.1"}
        (tmp_path / "two").mkdir()
        together = sweep(tmp_path / "two", *nodes, cwd=tmp_path / "two", env=meeting | cluster)
        assert together.returncode == 0, together.stdout + together.stderr
        assert all_exited(tmp_path / "two")
        assert sweep(tmp_path / "one").returncode == 0
        two, one = (
            json.loads(path.read_text())
            for folder in ("two", "one")
            for path in (tmp_path / folder).rglob("result.json")
        )
        assert two["fingerprint"] == one["fingerprint"]
        for key in (key for key in one["training"] if "distortion" in key):
            assert two["training"][key] == pytest.approx(one["training"][key], rel=0.05)

    def test_what_a_run_fails_of_is_told_as_anywhere(self, tmp_path, cluster):
        folders = "run_dir=${output_dir}/${data.batch_size}"
        failing = sweep(tmp_path, *A_RUN_EACH, "data.batch_size=64,8", folders, env=cluster)
        assert failing.returncode == 1
        assert "sweep of 2 runs: 1 finished, 1 failed" in failing.stdout
        assert "too few for a batch of 64" in failing.stdout

    def test_what_slurm_refuses_is_told_in_one_line(self, tmp_path, cluster):
        refused = sweep(tmp_path, *A_RUN_EACH, "hydra.launcher.partition=nowhere", env=cluster)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
        last = refused.stderr.splitlines()[-1]
        assert last.startswith("error: SLURM refused the jobs: invalid partition")


def test_where_there_is_no_slurm_it_is_told_in_one_line(tmp_path):
    refused = sweep(tmp_path, *A_RUN_EACH, env={"PATH": "/nowhere"})
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: hydra/launcher needs SLURM")
