"""Runs commands as users type them.

Commands run in processes that a fork server starts quickly; ``real=True`` starts a fresh Python
interpreter, which takes seven seconds of CPU time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import fork_client
from presets import TINY

ROOT = Path(__file__).parents[1]
TESTS = str(Path(__file__).parent)


def environment(**changed: str) -> dict[str, str]:
    """Return this process's environment with changes, and with tests/ on PYTHONPATH."""
    variables = {**os.environ, **changed}
    paths = [variables.get("PYTHONPATH", ""), TESTS]
    return {**variables, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def start(
    command: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    real: bool = False,
    **options: object,
) -> subprocess.Popen[str]:
    """Start a command; see ``subprocess.Popen``.

    Args:
        command: its arguments, with ``sys.executable`` first.
        env: environment variables that differ from this process's.
        real: whether to start a fresh interpreter.
        options: passed to Popen.
    """
    popen = subprocess.Popen if real else fork_client.Popen
    arguments = [str(word) for word in command]
    return popen(arguments, env=environment(**(env or {})), text=True, **options)


def run(
    command: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 300,
    real: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return its exit code and output."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, env=env, real=real, cwd=cwd, **pipes) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def command_line(name: str, *arguments: object) -> list[str]:
    """Return the command line ``python experiments/NAME.py ARGUMENTS``."""
    return [sys.executable, str(ROOT / "experiments" / f"{name}.py"), *map(str, arguments)]


def cli(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run experiments/NAME.py with arguments to its end, see ``run``."""
    return run(command_line(name, *arguments), **options)


def train_command(
    folder: Path, *overrides: str, preset: Sequence[str] = TINY, cached: bool = True
) -> list[str]:
    """Return the command line of a run whose outputs and cache are in a folder."""
    folders = [f"output_dir={folder / 'outputs'}"]
    if cached:
        folders.append(f"data.cache_dir={folder / 'cache'}")
    multirun = ["-m"] if "-m" in overrides else []  # Hydra wants all overrides on one side of it
    others = [override for override in overrides if override != "-m"]
    return command_line("train", *multirun, *preset, *folders, *others)


def run_train(
    folder: Path,
    *overrides: str,
    preset: Sequence[str] = TINY,
    cached: bool = True,
    **options: object,
) -> subprocess.CompletedProcess[str]:
    """Run experiments/train.py to its end, see ``train_command`` and ``run``."""
    return run(train_command(folder, *overrides, preset=preset, cached=cached), **options)


def error_line(process: subprocess.CompletedProcess[str], exit_code: int = 2) -> str:
    """Return a failed command's error line, after checking that there is one and no traceback."""
    assert process.returncode == exit_code, process.stderr
    assert "Traceback" not in process.stderr + process.stdout
    *before, last = process.stderr.strip().splitlines()
    assert last.startswith("error: ")
    assert not [line for line in before if "rror" in line]
    return last
