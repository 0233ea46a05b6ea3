"""How long a person waits for a command that has little to do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

import torch

from privacy_gan.benchmarking.timing import alternate


def time_commands(
    commands: Mapping[str, Callable[[], Sequence[str]]], rounds: int
) -> dict[str, list[float]]:
    """Let commands take turns in processes of their own; return seconds by name.

    Args:
        commands: return what is to be run, each time anew.
        rounds: of turns.

    Raises:
        subprocess.CalledProcessError: one failed.
    """

    def work(command: Callable[[], Sequence[str]]) -> Callable[[], object]:
        return lambda: subprocess.run(command(), check=True, capture_output=True, text=True)

    works = {name: work(command) for name, command in commands.items()}
    return alternate(works, rounds, torch.device("cpu"))
