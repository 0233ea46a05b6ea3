"""Sweeps through the real command."""

from __future__ import annotations

import json
import os
import subprocess

from tiny_runs import ONE_THREAD, TINY, train_command

SIDE_BY_SIDE = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


def sweep(folder, *overrides, preset=TINY, env=ONE_THREAD):
    return subprocess.run(
        train_command(folder, "-m", *overrides, preset=preset),
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | env,
        check=False,
    )


def results(folder):
    return {
        str(path.parent.relative_to(folder)): json.loads(path.read_text())["training"]
        for path in folder.rglob("result.json")
    }


def finished_at(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}
