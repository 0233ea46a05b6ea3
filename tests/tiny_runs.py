"""Runs of a few seconds, through the real entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# More threads than such small networks can use only wait for each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

# A run of seconds: 16 pixels, two channels, four batches an epoch, arithmetic that repeats exactly.
TINY = [
    "trainer=cpu",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "evaluate=false",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "image_size=16",
    "width=2",
    "data.batch_size=8",
    "data.num_train=32",
    "data.num_valid=16",
    "data.num_test=8",
    "data.num_workers=1",
]


# What judging adds to a tiny run that is not to take more than seconds.
JUDGED = [
    "evaluate=true",
    "classifiers=quick",
    "classifiers.epochs=1",
    "classifiers.batch_size=8",
    "judge=quick",
    "judge.adversaries.fixed_classifier=null",
    "judge.epochs=1",
    "judge.batch_size=16",
    "judge.queries=[1,2]",
    "judge.resamples=50",
    "judge.attributes=[Smiling,Male]",
]


def train_command(folder, *overrides, preset=TINY, cached=True):
    """Return the command line of a tiny run below a folder."""
    folders = [f"output_dir={folder / 'outputs'}"]
    if cached:
        folders.append(f"data.cache_dir={folder / 'cache'}")
    script = str(ROOT / "experiments" / "train.py")
    multirun = ["-m"] if "-m" in overrides else []  # overrides are not to be on both its sides
    changes = [override for override in overrides if override != "-m"]
    return [sys.executable, script, *multirun, *preset, *folders, *changes]


def run_train(folder, *overrides, preset=TINY, cached=True):
    """Run experiments/train.py to its end in a process of its own."""
    return subprocess.run(
        train_command(folder, *overrides, preset=preset, cached=cached),
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | ONE_THREAD,
        check=False,
    )
