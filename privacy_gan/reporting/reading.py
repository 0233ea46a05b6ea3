"""The results of all runs below a folder."""

from __future__ import annotations

from pathlib import Path

from privacy_gan.runs.result import Result


def results_below(folder: Path) -> list[tuple[Path, Result]]:
    """Return run folders with their results, in the order of their paths.

    Raises:
        UserError: a result is unreadable, or another version's.
    """
    found = []
    for path in sorted(folder.rglob("result.json")):
        result = Result.read(path)
        result.require_current(path)
        found.append((path.parent, result))
    return found
