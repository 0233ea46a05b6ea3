"""Parallel runs with Hydra's joblib launcher, and parallel sweeps."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from commands import start, train_command
from processes import all_exited, kill_at_end, running_processes
from sweeps import TWO_AT_ONCE, results, sweep

from privacy_gan.runs.result import Result

THREE = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]
LONG = "trainer.max_epochs=5000"


def start_sweep(folder, *overrides, launcher=TWO_AT_ONCE):
    """Start a sweep as a terminal does: in its own process group."""
    command = train_command(folder, "-m", *overrides, *launcher)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return start(command, cwd=folder, start_new_session=True, **pipes)


def wait_for(folder, pattern, count):
    deadline = time.monotonic() + 90
    while len(list(folder.rglob(pattern))) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(list(folder.rglob(pattern))) >= count


def running_workers(folder):
    """Return the PIDs of the runs' own processes, without those that started them."""
    workers = []
    for pid in running_processes(folder):
        with suppress(FileNotFoundError, ProcessLookupError):
            started = Path(f"/proc/{pid}/cmdline").read_bytes()
            name = Path(f"/proc/{pid}/comm").read_bytes().strip()  # of a fork, its module's end
            if b"privacy_gan.commands.worker" in started or name == b"commands.worker":
                workers.append(pid)
    return workers


def test_parallel_runs_get_different_gpus_and_share_the_threads(tmp_path, monkeypatch):
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    listing.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    monkeypatch.delenv("OMP_NUM_THREADS")
    folder = "run_dir=${output_dir}/${seed}"
    grid = ["seed=0,1", "trainer=auto", "privatizer=identity", folder]
    process = sweep(tmp_path, *grid, *TWO_AT_ONCE, env=environment)
    assert process.returncode == 0, process.stderr
    logs = [(tmp_path / f"outputs/{seed}/output.log").read_text() for seed in (0, 1)]
    matches = [re.search(r"started, GPU: (\S+), threads: (\d+)", text) for text in logs]
    assert {match[1] for match in matches} == {"GPU-a", "GPU-b"}
    half = max(1, len(os.sched_getaffinity(0)) // 2)
    assert [int(match[2]) for match in matches] == [half, half]
    read = [Result.read(tmp_path / f"outputs/{seed}/result.json") for seed in (0, 1)]
    assert [result.environment["threads"] for result in read] == [str(half)] * 2


def test_ctrl_c_lets_all_runs_save_their_state_and_leaves_no_process_behind(tmp_path):
    # the joblib process of the first run is idle by then, and receives Ctrl-C, too
    process = start_sweep(tmp_path, "privatizer=identity,filter,generator", LONG, launcher=THREE)
    wait_for(tmp_path, "epoch-0001.png", 2)
    wait_for(tmp_path, "result.json", 1)
    deadline = time.monotonic() + 90
    while len(running_workers(tmp_path)) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, err
    assert "Traceback" not in out + err
    assert "interrupted: run the same command again to resume" in err
    assert "sweep of 3 runs: 1 finished, 2 not finished" in out
    assert len(list(tmp_path.rglob("last.ckpt"))) == 2
    assert all_exited(tmp_path)


def test_a_killed_sweep_takes_its_runs_with_it(tmp_path):
    with kill_at_end(tmp_path):
        process = start_sweep(
            tmp_path, "privatizer=identity,filter,generator", LONG, launcher=THREE
        )
        wait_for(tmp_path, "epoch-0001.png", 2)
        wait_for(tmp_path, "result.json", 1)
        assert running_workers(tmp_path)
        process.kill()
        process.wait()  # its output would end only with the last of the runs
        assert all_exited(tmp_path)
    process.communicate(timeout=60)


def test_a_second_sweep_skips_the_runs_that_the_first_has_locked(tmp_path):
    first = start_sweep(tmp_path, "seed=0", LONG, launcher=[])
    wait_for(tmp_path, "epoch-0001.png", 1)
    second = sweep(tmp_path, "privatizer=filter_generator,identity")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert second.returncode == 1, second.stderr
    assert "sweep of 2 runs: 1 finished, 1 locked" in second.stdout
    locked = next(line for line in second.stdout.splitlines() if line.startswith("  locked"))
    assert "filter_generator" in locked
    assert "another process is using" in second.stdout
    (finished,) = results(tmp_path / "outputs")
    assert "/identity/" in finished
    assert first.returncode == 128 + signal.SIGTERM
