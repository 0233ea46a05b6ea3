"""Sweeps with the real command: finished runs stay, failures are reported."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
import torch
from commands import run, start, train_command
from presets import TINY
from processes import all_exited, kill_at_end
from sweeps import finish_times, results, sweep

from privacy_gan.commands.train import train

SIX = ["epsilon=0.005,0.02", "seed=0,1,2"]


@pytest.fixture(scope="module")
def killed_sweep(once):
    """Return the folder of a sweep that was killed five times, then repeated to its end."""
    return once("killed_sweep", kill_and_repeat)


def kill_and_repeat(folder):
    """Kill a sweep twice at any moment while it starts and three times during its runs."""
    moments = random.Random(0)
    command = train_command(folder, "-m", *SIX, "checkpoint_minutes=0")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for during_runs in (False, True, True, False, True):
        before, saved = finish_times(folder), checkpoint_times(folder)
        with start(command, cwd=folder, start_new_session=True, **quiet) as process:
            while during_runs and checkpoint_times(folder) == saved and process.poll() is None:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 1))  # in which a run starts, takes eight steps and ends
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
        assert all_exited(folder)
        assert before.items() <= finish_times(folder).items()
    before = finish_times(folder)
    process = sweep(folder, *SIX, "checkpoint_minutes=0")
    assert process.returncode == 0, process.stderr
    assert f"{len(before)} already finished" in process.stdout or not before
    assert before.items() <= finish_times(folder).items()


def checkpoint_times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("last.ckpt")}


def test_a_sweep_killed_five_times_ends_with_the_results_of_uninterrupted_runs(
    killed_sweep, tmp_path, tiny
):
    for epsilon, seed in [(epsilon, seed) for epsilon in (0.005, 0.02) for seed in (0, 1, 2)]:
        train(tiny(f"epsilon={epsilon}", f"seed={seed}"))
    assert len(results(killed_sweep / "outputs")) == 6
    assert results(killed_sweep / "outputs") == results(tmp_path / "outputs")
    for checkpoint in (killed_sweep / "outputs").rglob("last.ckpt"):
        other = tmp_path / checkpoint.relative_to(killed_sweep)
        actual, expected = (
            torch.load(path, weights_only=True)["state_dict"] for path in (checkpoint, other)
        )
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_a_finished_sweep_is_repeated_without_importing_torch(killed_sweep, tmp_path):
    copy = shutil.copytree(killed_sweep, tmp_path / "copy")
    before = finish_times(copy)
    command = train_command(copy, "-m", *SIX)
    process = run([command[0], "-X", "importtime", *command[1:]], real=True)
    assert process.returncode == 0, process.stderr
    assert "sweep of 6 runs: 6 already finished" in process.stdout
    assert not any(line.endswith("| torch") for line in process.stderr.splitlines())
    assert finish_times(copy) == before


def test_a_failed_run_does_not_end_the_sweep_but_sets_the_exit_code(tmp_path):
    folders = "run_dir=${output_dir}/${data.batch_size}"
    process = sweep(tmp_path, "trainer.max_epochs=1", "data.batch_size=64,16", folders)
    assert process.returncode == 1
    assert "sweep of 2 runs: 1 finished, 1 failed" in process.stdout
    failed = process.stdout.splitlines().index(
        next(line for line in process.stdout.splitlines() if line.startswith("  failed"))
    )
    assert "data.batch_size=64" in process.stdout.splitlines()[failed]
    assert "too few for a batch of 64" in process.stdout.splitlines()[failed + 1]
    assert "Traceback" not in process.stderr
    assert set(results(tmp_path / "outputs")) == {"16"}


def test_hydras_own_sweeper_also_continues_after_a_refused_run(tmp_path):
    folders = "run_dir=${output_dir}/${image_size}"
    sizes = ["hydra/sweeper=basic", "privatizer=identity", "image_size=17,16", folders]
    process = sweep(tmp_path, *sizes)
    assert process.returncode not in (0, None)
    assert "error: image_size=17 is not a multiple of 16" in process.stderr
    assert "Traceback" not in process.stderr
    assert set(results(tmp_path / "outputs")) == {"16"}


@pytest.mark.parametrize(
    ("overrides", "messages"),
    [
        (
            ["privatizer=filter,philter,noise", "epsilon=0.01,-1", "loss=entropy,entropie"],
            ["Could not find 'privatizer/philter'", "epsilon=-1.0 is not", "find 'loss/entropie'"],
        ),
        (
            ["attribute=Smiling,Smilling,gender,Mael"],
            ["no attribute 'Smilling'", "no attribute 'Mael'"],
        ),
        (["data=celeba", "seed=0,1"], ["data.root has no value"]),
        (["data=celeba", "data.root=/no/such", "seed=0,1"], ["data.root=/no/such is not a folder"]),
    ],
)
def test_all_errors_in_a_grid_are_reported_on_a_line_each_before_anything_runs(
    tmp_path, overrides, messages
):
    preset = ["trainer=cpu"] if "data=celeba" in overrides else TINY
    process = sweep(tmp_path, *overrides, preset=preset)
    assert process.returncode == 2
    lines = process.stderr.strip().splitlines()
    assert len(lines) == len(messages)
    for line, message in zip(sorted(lines), sorted(messages), strict=True):
        assert line.startswith("error: ")
        assert message in process.stderr
    assert not list(tmp_path.rglob("result.json"))
    assert not list(tmp_path.rglob("output.log"))


def test_ctrl_c_saves_the_active_run_and_ends_the_sweep_with_a_summary(tmp_path):
    command = train_command(tmp_path, "-m", "trainer.max_epochs=2000", "seed=0,1")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, cwd=tmp_path, **pipes) as process, kill_at_end(tmp_path):
        while not list(tmp_path.rglob("epoch-0001.png")) and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in err
    assert "sweep of 2 runs: 2 not finished" in out
    assert len(list(tmp_path.rglob("last.ckpt"))) == 1
    assert all_exited(tmp_path)


def test_a_combination_that_a_preset_excludes_runs_if_it_is_typed(tmp_path):
    grid = "+hydra.sweeper.params={seed: '0,1', epsilon: '0.01,0.02'}"
    excluded = "hydra.sweeper.leave_out=[['epsilon=0.02','seed=1'],['epsilon=0.01']]"
    short = ["privatizer=identity", grid, excluded]
    assert "sweep of 1 run: 1 finished" in sweep(tmp_path, *short).stdout
    assert "sweep of 1 run: 1 finished" in sweep(tmp_path, *short, "epsilon=0.02", "seed=1").stdout


def test_folder_names_have_the_varied_settings_and_duplicates_run_once(tmp_path):
    process = sweep(tmp_path, "privatizer=identity", "width=2,4", "loss=entropy,cross_entropy")
    assert process.returncode == 0, process.stderr
    assert "sweep of 2 runs: 2 finished (2 duplicate combinations dropped)" in process.stdout
    names = {path.parent.name for path in tmp_path.rglob("result.json")}
    assert names == {"seed-0-width-2", "seed-0-width-4"}
    assert "2 already finished" in sweep(tmp_path, "privatizer=identity", "width=2,4").stdout


def test_a_bad_file_of_one_run_is_reported_on_a_line_and_does_not_affect_the_others(tmp_path):
    grid = ["privatizer=identity,filter", "seed=0,1"]
    folder = tmp_path / "outputs/synthetic_faces-16"
    older = folder / "identity/Smiling/epsilon-0.01/seed-0/result.json"
    older.parent.mkdir(parents=True)
    older.write_text('{"version": 2, "identity": {"seed": 0}, "training": {}}')
    blocked = folder / "identity/Smiling/epsilon-0.01/seed-1"
    blocked.write_text("a file, not a folder")
    truncated = folder / "filter-entropy/Smiling/epsilon-0.01/seed-0/last.ckpt"
    truncated.parent.mkdir(parents=True)
    truncated.write_bytes(b"PK")
    process = sweep(tmp_path, *grid)
    assert process.returncode == 1
    assert "Traceback" not in process.stderr + process.stdout
    assert "sweep of 4 runs: 2 finished, 2 failed" in process.stdout
    assert f"{older} was written by another version" in process.stdout
    assert f"cannot write to the run folder {blocked}" in process.stdout
    assert f"filter seed=0: {truncated} was damaged: training starts again" in process.stdout
    assert len(results(folder / "filter-entropy")) == 2
