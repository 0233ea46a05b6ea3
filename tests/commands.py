"""Commands as users type them.

They run in processes of their own, which a fork server starts at once; ``real=True`` starts Python
itself, which takes seven seconds of a processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import fork_server
from presets import TINY

ROOT = Path(__file__).parents[1]
TESTS = str(Path(__file__).parent)


def environment(**changed: str) -> dict[str, str]:
    """Return this process's environment with changes, and with the tests' modules in reach."""
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
        env: variables that differ from this process's.
        real: whether Python itself is started.
        options: passed to Popen.
    """
    kind = subprocess.Popen if real else fork_server.Popen
    arguments = [str(word) for word in command]
    return kind(arguments, env=environment(**(env or {})), text=True, **options)


def run(
    command: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 300,
    real: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return its exit code and what it said."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, env=env, real=real, cwd=cwd, **pipes) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def command_line(verb: str, *arguments: object) -> list[str]:
    """Return a command line of one of ours: experiments/VERB.py ARGUMENTS."""
    return [sys.executable, str(ROOT / "experiments" / f"{verb}.py"), *map(str, arguments)]


def cli(verb: str, *arguments: object, **how: object) -> subprocess.CompletedProcess[str]:
    """Run experiments/VERB.py with these arguments to its end, see ``run``."""
    return run(command_line(verb, *arguments), **how)


def train_command(
    folder: Path, *overrides: str, preset: Sequence[str] = TINY, cached: bool = True
) -> list[str]:
    """Return the command line of a run below a folder."""
    folders = [f"output_dir={folder / 'outputs'}"]
    if cached:
        folders.append(f"data.cache_dir={folder / 'cache'}")
    multirun = ["-m"] if "-m" in overrides else []  # overrides are not to be on both its sides
    changes = [override for override in overrides if override != "-m"]
    return command_line("train", *multirun, *preset, *folders, *changes)


def run_train(
    folder: Path,
    *overrides: str,
    preset: Sequence[str] = TINY,
    cached: bool = True,
    **how: object,
) -> subprocess.CompletedProcess[str]:
    """Run experiments/train.py to its end."""
    return run(train_command(folder, *overrides, preset=preset, cached=cached), **how)


def error_line(process: subprocess.CompletedProcess[str], exit_code: int = 2) -> str:
    """Return the one line in which a command says what is wrong, after checking that it is one."""
    assert process.returncode == exit_code, process.stderr
    assert "Traceback" not in process.stderr + process.stdout
    *before, last = process.stderr.strip().splitlines()
    assert last.startswith("error: ")
    assert not [line for line in before if "rror" in line]
    return last
