"""Sweeps through the real command: what is finished stays, what fails is told."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
import torch
from processes import all_gone, marked
from tiny_runs import ONE_THREAD, TINY, train_command

SIX = ["-m", "trainer.max_epochs=2", "epsilon=0.005,0.02", "seed=0,1,2"]


def sweep(folder, *overrides, preset=TINY, **how):
    return subprocess.run(
        train_command(folder, *overrides, preset=preset),
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | ONE_THREAD,
        check=False,
        **how,
    )


def results(folder):
    return {
        str(path.parent.relative_to(folder)): json.loads(path.read_text())["training"]
        for path in folder.rglob("result.json")
    }


def finished_at(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = sweep(folder, *SIX)
    assert process.returncode == 0, process.stderr
    assert "sweep of 6 runs: 6 finished" in process.stdout
    return folder


def test_a_sweep_killed_five_times_ends_with_the_same_results_and_repeats_none(
    tmp_path, uninterrupted
):
    moments = random.Random(0)
    command = train_command(tmp_path, *SIX, "checkpoint_minutes=0")
    for _ in range(5):
        before = finished_at(tmp_path)
        environment, mark = marked()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(moments.uniform(4, 9))
            process.kill()
        assert all_gone(mark)
        assert before.items() <= finished_at(tmp_path).items()
    before = finished_at(tmp_path)
    process = sweep(tmp_path, *SIX, "checkpoint_minutes=0")
    assert process.returncode == 0, process.stderr
    assert f"{len(before)} finished before" in process.stdout or not before
    assert before.items() <= finished_at(tmp_path).items()
    assert results(tmp_path / "outputs") == results(uninterrupted / "outputs")
    for checkpoint in (tmp_path / "outputs").rglob("last.ckpt"):
        other = uninterrupted / checkpoint.relative_to(tmp_path)
        ours, theirs = (torch.load(c, weights_only=True)["state_dict"] for c in (checkpoint, other))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_finished_sweep_is_repeated_without_importing_torch(uninterrupted):
    before = finished_at(uninterrupted)
    command = train_command(uninterrupted, *SIX)
    process = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True, check=True
    )
    assert "sweep of 6 runs: 6 finished before" in process.stdout
    assert not any(line.endswith("| torch") for line in process.stderr.splitlines())
    assert finished_at(uninterrupted) == before


def test_a_run_that_fails_does_not_end_the_sweep_and_the_exit_code_tells(tmp_path):
    folders = "run_dir=${output_dir}/${data.batch_size}"
    process = sweep(tmp_path, "-m", "trainer.max_epochs=1", "data.batch_size=8,64,16", folders)
    assert process.returncode == 1
    assert "sweep of 3 runs: 2 finished, 1 failed" in process.stdout
    failed = process.stdout.splitlines().index(
        next(line for line in process.stdout.splitlines() if line.startswith("  failed"))
    )
    assert "data.batch_size=64" in process.stdout.splitlines()[failed]
    assert "too few for a batch of 64" in process.stdout.splitlines()[failed + 1]
    assert "Traceback" not in process.stderr
    assert set(results(tmp_path / "outputs")) == {"8", "16"}


def test_hydras_own_sweeper_goes_on_after_a_refused_run_too(tmp_path):
    folders = "run_dir=${output_dir}/${image_size}"
    sizes = ["-m", "hydra/sweeper=basic", "privatizer=identity", "image_size=16,17,32", folders]
    process = sweep(tmp_path, *sizes)
    assert process.returncode not in (0, None)
    assert "error: image_size=17 is not a multiple of 16" in process.stderr
    assert "Traceback" not in process.stderr
    assert set(results(tmp_path / "outputs")) == {"16", "32"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["epsilon=0.01,-1"], "epsilon=-1.0 is not a distortion budget"),
        (["data=celeba", "seed=0,1"], "data.root has no value"),
        (["privatizer=filter,philter"], "philter"),
    ],
)
def test_a_mistake_in_a_sweep_is_told_in_one_line_before_anything_runs(
    tmp_path, overrides, message
):
    preset = ["trainer=cpu"] if "data=celeba" in overrides else TINY
    process = sweep(tmp_path, "-m", *overrides, preset=preset)
    assert process.returncode not in (0, None)
    assert message in process.stderr
    assert "Traceback" not in process.stderr
    assert not list(tmp_path.rglob("result.json"))
    assert not list(tmp_path.rglob("last.ckpt"))


def test_ctrl_c_saves_the_run_at_hand_and_ends_the_sweep_with_a_summary(tmp_path):
    environment, mark = marked()
    command = train_command(tmp_path, "-m", "trainer.max_epochs=2000", "seed=0,1")
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(tmp_path.rglob("metrics.csv")):
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err
    assert "sweep of 2 runs: 2 not finished" in out
    assert len(list(tmp_path.rglob("last.ckpt"))) == 1
    assert all_gone(mark)


def test_what_a_preset_leaves_out_is_run_where_it_is_asked_for(tmp_path):
    grid = "+hydra.sweeper.params={seed: '0,1', epsilon: '0.01,0.02'}"
    left_out = "hydra.sweeper.leave_out=[['epsilon=0.02','seed=1']]"
    short = ["-m", "privatizer=identity", grid, left_out]
    assert "sweep of 3 runs: 3 finished" in sweep(tmp_path, *short).stdout
    assert "sweep of 1 run: 1 finished" in sweep(tmp_path, *short, "epsilon=0.02", "seed=1").stdout
