"""List the tests that a change affects, by the graph of imports that ruff prints.

    python tests/changed.py [COMMIT]

Changed is what differs from a commit (HEAD: what is not committed) and what git does not know yet.
What is read or started by name, which no import shows, is listed in pyproject.toml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
# what decides about every test, though none imports it
FOR_ALL = {"pyproject.toml", "constraints.txt", "Makefile"}


def changed_since(commit: str) -> set[str]:
    """Return the files that differ from a commit's, and those that are new."""
    differing = git("diff", "--name-only", "-z", commit)
    return set(differing) | set(git("ls-files", "--others", "--exclude-standard", "-z"))


def git(*arguments: str) -> list[str]:
    """Return the names that git lists; what is wrong with a commit's name is said in a line."""
    command = ["git", *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(f"error: {' '.join(process.stderr.split()) or 'git failed'}")
    return [name for name in process.stdout.split("\0") if name]


def dependents() -> dict[str, list[str]]:
    """Return, for each file, those that import it or read it."""
    command = [sys.executable, "-m", "ruff", "analyze", "graph", "--direction", "dependents"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    graph: dict[str, list[str]] = json.loads(printed)
    return graph


def reached(changed: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Return what changed and all that depends on it, directly or not.

    On a conftest.py depend the tests beside and below it.
    """
    tests = [name for name in graph if is_test(name)]
    found: set[str] = set()
    todo = list(changed)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo += graph.get(name, ())
        if PurePosixPath(name).name == "conftest.py":
            folder = PurePosixPath(name).parent
            todo += [test for test in tests if PurePosixPath(test).is_relative_to(folder)]
    return found


def is_test(name: str) -> bool:
    return name.startswith("tests/") and PurePosixPath(name).match("test_*.py")


def affected(changed: set[str], graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the test files that a change affects, in order."""
    if changed & FOR_ALL:
        return ["tests"]
    return sorted(name for name in reached(changed, graph) if is_test(name) and name in graph)


if __name__ == "__main__":
    print("\n".join(affected(changed_since(*(sys.argv[1:] or ["HEAD"])), dependents())))
