"""Lists the test files that a change affects, from ruff's import graph.

    python tests/changed.py [COMMIT]

The changed files are those that differ from a commit (HEAD by default) and untracked ones.
Dependencies without an import, such as files that are read or started by name, are listed in
pyproject.toml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
AFFECT_ALL = {"pyproject.toml", "constraints.txt", "Makefile"}


def changed_since(commit: str) -> set[str]:
    """Return the files that differ from a commit, and untracked files."""
    differing = git("diff", "--name-only", "-z", commit)
    return set(differing) | set(git("ls-files", "--others", "--exclude-standard", "-z"))


def git(*arguments: str) -> list[str]:
    """Return the file names that git lists; exit with git's error message if it fails."""
    command = ["git", *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(f"error: {' '.join(process.stderr.split()) or 'git failed'}")
    return [name for name in process.stdout.split("\0") if name]


def load_dependents() -> dict[str, list[str]]:
    """Return, for each file, the files that import or read it."""
    command = [sys.executable, "-m", "ruff", "analyze", "graph", "--direction", "dependents"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    graph: dict[str, list[str]] = json.loads(output)
    return graph


def affected_files(changed: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the changed files and all files that depend on them, directly or not.

    All tests in the folder of a conftest.py, and below it, depend on it.
    """
    tests = [name for name in graph if is_test(name)]
    affected: set[str] = set()
    queue = list(changed)
    while queue:
        name = queue.pop()
        if name in affected:
            continue
        affected.add(name)
        queue += graph.get(name, ())
        if PurePosixPath(name).name == "conftest.py":
            folder = PurePosixPath(name).parent
            queue += [test for test in tests if PurePosixPath(test).is_relative_to(folder)]
    return affected


def is_test(name: str) -> bool:
    return name.startswith("tests/") and PurePosixPath(name).match("test_*.py")


def affected_tests(changed: set[str], graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the test files that a change affects, sorted."""
    if changed & AFFECT_ALL:
        return ["tests"]
    return sorted(
        name for name in affected_files(changed, graph) if is_test(name) and name in graph
    )


if __name__ == "__main__":
    changed = changed_since(*(sys.argv[1:] or ["HEAD"]))
    print("\n".join(affected_tests(changed, load_dependents())))
