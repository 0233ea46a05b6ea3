"""What lies below a folder: finished runs, and what is not finished or cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from privacy_gan.errors import UserError
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result


@dataclass(frozen=True)
class FinishedRun:
    """A run with a result that can be read.

    Attributes:
        folder: its own.
        result: what came out.
    """

    folder: RunFolder
    result: Result


@dataclass(frozen=True)
class Found:
    """All runs below a folder.

    Attributes:
        finished: in the order of their paths.
        unfinished: begun and without a result, so far or for good.
        unreadable: why a file cannot be used, a line each.
    """

    finished: list[FinishedRun] = field(default_factory=list)
    unfinished: list[RunFolder] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def runs_below(folder: Path) -> Found:
    """Return all runs below a folder, whatever state they are in.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"folder={folder} is no folder: give the one that holds the runs")
    found = Found()
    for path in sorted(folder.rglob("result.json")):
        try:
            result = Result.read(path)
            result.require_current(path)
        except UserError as error:
            found.unreadable.append(str(error))
        except OSError as error:  # gone in the meantime, or a folder of that name
            found.unreadable.append(f"{path} is unreadable ({error.strerror})")
        else:
            if lacks := lacking_in(result):
                found.unreadable.append(f"{path} lacks {lacks}, so it is no run's result")
            else:
                found.finished.append(FinishedRun(RunFolder(path.parent), result))
    for path in sorted(folder.rglob("config.yaml")):
        run = RunFolder(path.parent)
        is_trackers = "wandb" in path.relative_to(folder).parts  # which keeps a copy
        if not is_trackers and not run.result_file.exists():
            found.unfinished.append(run)
    return found


def lacking_in(result: Result) -> str:
    """Return what a report cannot do without and a file does not say, "" where it says all."""
    for key in ("attribute", "epsilon", "seed", "data.key"):
        if key not in result.identity:
            return f"identity.{key}"
    for evaluation in (*result.evaluations.values(), *(result.baseline or {}).values()):
        leaked = evaluation.measures.get("privacy_loss")
        if leaked is None or leaked.censored is None:
            return f"the privacy loss of {evaluation.attribute}"
    return ""
