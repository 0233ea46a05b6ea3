"""Sweeps through a real SLURM, which the tests start and stop."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import torch
from tiny_runs import ONE_THREAD, run_train, train_command

CLUSTER = Path(__file__).with_name("cluster.sh")
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch")
missing = [name for name in NEEDED if shutil.which(name) is None]

pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"SLURM is not installed: no {', '.join(missing)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a SLURM of one's own needs root"),
]

ON_CPUS = [
    "hydra.launcher.gres=null",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=null",
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start SLURM; the environment that its commands need."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([CLUSTER, "start", folder], check=True)
    yield os.environ | ONE_THREAD | {"SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([CLUSTER, "stop", folder], check=True)


def weights(folder):
    return {
        path.parent.name: torch.load(path, weights_only=True)["state_dict"]
        for path in folder.rglob("last.ckpt")
    }


def first_running(cluster):
    """Return the name of a job that runs: its array's number and its own within it."""
    names = ["squeue", "--noheader", "--states=RUNNING", "--format=%F_%K"]
    listed = subprocess.run(names, env=cluster, capture_output=True, text=True, check=True)
    return listed.stdout.split()[0]


def test_a_sweep_goes_on_where_one_of_its_jobs_was_preempted(tmp_path, cluster):
    long = ["trainer.max_epochs=30", "seed=0,1,2"]
    command = train_command(tmp_path, "-m", "hydra/launcher=dgx", *ON_CPUS, *long)
    with subprocess.Popen(
        command, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(tmp_path.rglob("metrics.csv")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        name = first_running(cluster)
        subprocess.run(["scancel", "--signal=USR2", name], env=cluster, check=True)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "sweep of 3 runs: 3 finished" in out
    logs = [path.read_text() for path in (tmp_path / "outputs/.submitit").rglob("*_log.err")]
    assert sum("this job is preempted" in log for log in logs) == 1
    described = subprocess.run(
        ["scontrol", "show", "job", name], env=cluster, capture_output=True, text=True, check=True
    ).stdout
    assert "Restarts=1" in described
    assert run_train(tmp_path / "alone", "-m", *long).returncode == 0
    preempted, alone = weights(tmp_path / "outputs"), weights(tmp_path / "alone/outputs")
    assert preempted.keys() == alone.keys()
    torch.testing.assert_close(preempted, alone, rtol=0, atol=0)


def test_one_run_over_two_tasks_is_one_run(tmp_path, cluster):
    overrides = [
        "-m",
        "hydra/launcher=nodes",
        *ON_CPUS,
        "hydra.launcher.nodes=1",
        "hydra.launcher.tasks_per_node=2",
        "trainer=slurm",
        "trainer.accelerator=cpu",
        "trainer.strategy.process_group_backend=gloo",
    ]
    process = subprocess.run(
        train_command(tmp_path, *overrides),
        env=cluster,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    (result,) = (json.loads(path.read_text()) for path in tmp_path.rglob("result.json"))
    assert run_train(tmp_path / "alone").returncode == 0
    (alone,) = (json.loads(path.read_text()) for path in (tmp_path / "alone").rglob("result.json"))
    assert result["identity"] == alone["identity"]
    assert result["training"].keys() == alone["training"].keys()
    distortions = [key for key in alone["training"] if "distortion" in key]
    for key in distortions:
        assert result["training"][key] == pytest.approx(alone["training"][key], rel=0.05)
