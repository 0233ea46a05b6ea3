"""Sweeps on a real SLURM cluster, which the tests start and stop."""

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
    pytest.mark.skipif(os.geteuid() != 0, reason="starting a SLURM cluster needs root"),
]

ON_CPUS = [
    "hydra.launcher.gres=null",
    "hydra.launcher.cpus_per_task=2",
    "hydra.launcher.mem_gb=null",
]
A_JOB_PER_RUN = ["hydra/launcher=dgx", *ON_CPUS]
# three epochs; in the second a run waits for a file or a stop signal
WAITING = [
    "trainer.max_epochs=3",
    "privatizer=filter",
    "privatizer._target_=waiting.Waiting",
]
MODULE = """
import os
import time
from pathlib import Path
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.training.checkpointing import SaveLastCheckpoint

class Waiting(AdversarialPrivatizer):
    def training_step(self, batch, batch_idx):
        (saving,) = (c for c in self.trainer.callbacks if isinstance(c, SaveLastCheckpoint))
        while self.current_epoch == 1 and not Path(os.environ["CONTINUE"]).exists():
            if saving.requests.received is not None:
                break
            time.sleep(0.05)
        super().training_step(batch, batch_idx)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start SLURM, and yield the environment variables that its commands need."""
    folder = tmp_path_factory.mktemp("slurm")
    lock = tmp_path_factory.getbasetemp().parent / "slurm.lock"
    try:
        with FileLock(lock):  # other pytest workers may look for free ports, too
            subprocess.run([CLUSTER, "start", folder], check=True)
        yield {"SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        subprocess.run([CLUSTER, "stop", folder], check=True)


@pytest.fixture
def slurm(cluster):
    """Return a function that runs a SLURM command; at the end cancel all jobs, resume all nodes."""

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
    wait_until(lambda: not run("squeue", "--noheader"))


def wait_until(condition, seconds=120):
    """Wait until a condition returns a true value, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


def running_jobs(slurm):
    """Return the nodes of the running jobs by job ID."""
    entries = slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i=%N")
    return dict(entry.split("=") for entry in entries)


def start_requeued_job(slurm):
    """Start the requeued job now, because SLURM would wait for two minutes; return its ID."""

    def requeued():
        pending = slurm("squeue", "--noheader", "--array", "--states=PENDING", "--format=%i=%r")
        return [entry.split("=")[0] for entry in pending if "=BeginTime" in entry]

    (job,) = wait_until(requeued)
    slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
    return job


@contextmanager
def running_sweep(folder, cluster, *overrides):
    """Start a sweep; yield its process once two runs, as many as there are nodes, have started."""
    command = train_command(folder, "-m", *A_JOB_PER_RUN, *WAITING, *overrides)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, env=cluster, **pipes) as process:
        try:
            wait_until(lambda: num_started(folder) == 2 or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def num_started(folder):
    """Return how many runs have trained for an epoch."""
    return len(list(folder.rglob("epoch-0001.png")))


def wait_for_end(process):
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return out, err


def weights(folder):
    return {
        path.parent.name: torch.load(path, weights_only=True)["state_dict"]
        for path in folder.rglob("last.ckpt")
    }


@pytest.fixture(autouse=True)
def continue_file(tmp_path_factory, monkeypatch):
    """Make the runs' mechanism importable, and return the file that they wait for."""
    folder = tmp_path_factory.mktemp("waiting")
    (folder / "waiting.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("CONTINUE", str(folder / "continue"))
    return folder / "continue"


@pytest.fixture(scope="module")
def uninterrupted(once):
    return weights(once("not_on_a_cluster", train_three))


def train_three(folder):
    (folder / "waiting.py").write_text(MODULE)
    variables = {"PYTHONPATH": str(folder), "CONTINUE": str(folder)}
    assert sweep(folder, *WAITING, "seed=0,1,2", env=variables).returncode == 0


def assert_same(folder, uninterrupted):
    """Check that the weights are bit for bit those of uninterrupted runs."""
    trained = weights(folder)
    assert len(trained) >= 2
    expected = {name: uninterrupted[name] for name in trained}
    torch.testing.assert_close(trained, expected, rtol=0, atol=0)


class TestOnACluster:
    pytestmark = needs_slurm

    def test_a_preempted_job_is_requeued_and_resumes(
        self, tmp_path, cluster, slurm, continue_file, uninterrupted
    ):
        with running_sweep(tmp_path, cluster, "seed=0,1,2") as process:
            first = min(running_jobs(slurm))
            slurm("scancel", "--signal=USR1", first)
            assert start_requeued_job(slurm) == first
            assert not list(tmp_path.rglob("result.json"))
            continue_file.touch()
            out, err = wait_for_end(process)
        assert process.returncode == 0, err
        assert "submitted 3 jobs to SLURM" in out
        assert "sweep of 3 runs: 3 finished" in out
        assert out.count("started  seed=") == 4
        assert "Restarts=1" in slurm("scontrol", "show", "job", first)
        assert_same(tmp_path, uninterrupted)
        assert not list((tmp_path / "outputs").glob(".sweep-*"))

    def test_a_run_preempted_by_a_job_of_higher_priority_resumes_later(
        self, tmp_path, cluster, slurm, continue_file, uninterrupted
    ):
        with running_sweep(tmp_path, cluster, "seed=0,1") as process:
            urgent = ["--partition=urgent", "--cpus-per-task=2", "--output=/dev/null"]
            slurm("sbatch", *urgent, "--wrap=sleep 1")
            start_requeued_job(slurm)
            continue_file.touch()
            out, err = wait_for_end(process)
        assert process.returncode == 0, err
        assert out.count("started  seed=") == 3
        assert_same(tmp_path, uninterrupted)

    def test_a_run_on_a_drained_node_resumes_on_another_node(
        self, tmp_path, cluster, slurm, continue_file, uninterrupted
    ):
        with running_sweep(tmp_path, cluster, "seed=0,1") as process:
            job, node = min(running_jobs(slurm).items())
            slurm("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
            slurm("scontrol", "requeue", job)
            assert start_requeued_job(slurm) == job
            continue_file.touch()
            wait_until(lambda: running_jobs(slurm).get(job, node) != node)
            _, err = wait_for_end(process)
        assert process.returncode == 0, err
        assert_same(tmp_path, uninterrupted)

    def test_ctrl_c_cancels_pending_jobs_and_lets_running_ones_save_their_state(
        self, tmp_path, cluster, slurm
    ):
        with running_sweep(tmp_path, cluster, "seed=0,1,2") as process:
            process.send_signal(signal.SIGINT)
            out, _ = wait_for_end(process)
        assert process.returncode == 128 + signal.SIGINT
        assert "sweep of 3 runs: 3 not finished" in out
        assert len(weights(tmp_path)) == 2
        assert not slurm("squeue", "--noheader")

    def test_jobs_outlast_the_command_that_submitted_them(
        self, tmp_path, cluster, slurm, continue_file, uninterrupted
    ):
        with running_sweep(tmp_path, cluster, "seed=0,1") as process:
            process.kill()
        continue_file.touch()
        wait_until(lambda: not slurm("squeue", "--noheader"))
        again = sweep(tmp_path, *A_JOB_PER_RUN, *WAITING, "seed=0,1", env=cluster)
        assert "sweep of 2 runs: 2 already finished" in again.stdout
        assert_same(tmp_path, uninterrupted)

    def test_without_requeue_repeating_the_command_resumes_an_interrupted_run(
        self, tmp_path, cluster, slurm, continue_file, uninterrupted
    ):
        overrides = ["seed=0,1", "hydra.launcher.requeue=false"]
        with running_sweep(tmp_path, cluster, *overrides) as process:
            first = min(running_jobs(slurm))
            slurm("scancel", "--signal=USR1", first)
            wait_until(lambda: first not in running_jobs(slurm))
            continue_file.touch()
            out, _ = wait_for_end(process)
        assert process.returncode == 1, out
        assert "sweep of 2 runs: 1 finished, 1 not finished" in out
        again = sweep(tmp_path, *A_JOB_PER_RUN, *WAITING, *overrides, env=cluster)
        assert "sweep of 2 runs: 1 already finished, 1 finished" in again.stdout
        assert_same(tmp_path, uninterrupted)

    def test_two_nodes_train_one_run(self, tmp_path, cluster):
        nodes = [
            "hydra/launcher=nodes",
            *ON_CPUS,
            "hydra.launcher.tasks_per_node=1",
            *("trainer=slurm", "trainer.accelerator=cpu"),
        ]
        # both nodes are on this machine, whatever their names
        rendezvous = {"MASTER_ADDR": "127.0.0.1"}
        (tmp_path / "two").mkdir()
        process = sweep(tmp_path / "two", *nodes, cwd=tmp_path / "two", env=rendezvous | cluster)
        assert process.returncode == 0, process.stdout + process.stderr
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

    def test_the_reason_of_a_failed_run_is_in_the_summary(self, tmp_path, cluster):
        folders = "run_dir=${output_dir}/${data.batch_size}"
        failing = sweep(tmp_path, *A_JOB_PER_RUN, "data.batch_size=64,8", folders, env=cluster)
        assert failing.returncode == 1
        assert "sweep of 2 runs: 1 finished, 1 failed" in failing.stdout
        assert "too few for a batch of 64" in failing.stdout

    def test_a_refusal_by_slurm_is_reported_on_one_line(self, tmp_path, cluster):
        refused = sweep(tmp_path, *A_JOB_PER_RUN, "hydra.launcher.partition=nowhere", env=cluster)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
        last = refused.stderr.splitlines()[-1]
        assert last.startswith("error: SLURM refused the jobs: invalid partition")


def test_a_missing_slurm_is_reported_on_one_line(tmp_path):
    refused = sweep(tmp_path, *A_JOB_PER_RUN, env={"PATH": "/nowhere"})
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: hydra/launcher needs SLURM")
