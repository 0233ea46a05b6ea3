"""Runs sweeps with the real command, and reads their results."""

from __future__ import annotations

import json

from commands import run_train

TWO_AT_ONCE = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


def sweep(folder, *overrides, **options):
    return run_train(folder, "-m", *overrides, **options)


def results(folder):
    return {
        str(path.parent.relative_to(folder)): json.loads(path.read_text())["training"]
        for path in folder.rglob("result.json")
    }


def finish_times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}
