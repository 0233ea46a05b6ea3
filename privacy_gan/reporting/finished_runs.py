"""Finds the finished runs below a folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from privacy_gan.errors import UserError
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result


@dataclass(frozen=True)
class FinishedRun:
    """A run with a readable result.

    Attributes:
        folder: of the run.
        result: of the run.
    """

    folder: RunFolder
    result: Result

    @property
    def mechanism(self) -> str:
        """Name of the run's mechanism."""
        return mechanism_name(self.folder, self.result)


@dataclass(frozen=True)
class RunsFound:
    """All runs below a folder.

    Attributes:
        finished: in the order of their paths.
        unfinished: started, but without a result.
        unreadable: why a file cannot be used, a line each.
    """

    finished: list[FinishedRun] = field(default_factory=list)
    unfinished: list[RunFolder] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def find_runs(folder: Path) -> RunsFound:
    """Return all runs below a folder, finished or not.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"folder={folder} is not a folder: name the folder that contains the runs")
    found = RunsFound()
    for path in sorted(folder.rglob("result.json")):
        try:
            result = Result.read(path)
            result.require_current(path)
        except UserError as error:
            found.unreadable.append(str(error))
        except OSError as error:  # deleted in the meantime, or a folder with that name
            found.unreadable.append(f"{path} is unreadable ({error.strerror})")
        else:
            if missing := find_missing_key(result):
                found.unreadable.append(f"{path} has no {missing}: it is not the result of a run")
            else:
                found.finished.append(FinishedRun(RunFolder(path.parent), result))
    for path in sorted(folder.rglob("config.yaml")):
        run = RunFolder(path.parent)
        is_wandb_copy = "wandb" in path.relative_to(folder).parts
        if not is_wandb_copy and not run.result_file.exists():
            found.unfinished.append(run)
    return found


def find_missing_key(result: Result) -> str:
    """Return a value that reports need and that a result lacks; "" if it has all of them."""
    for key in ("attribute", "epsilon", "seed", "data.key"):
        if key not in result.fingerprint:
            return f"fingerprint.{key}"
    for evaluation in (*result.evaluations.values(), *(result.baseline or {}).values()):
        privacy_loss = evaluation.measures.get("privacy_loss")
        if privacy_loss is None or privacy_loss.censored is None:
            return f"privacy loss of {evaluation.attribute}"
    return ""


def mechanism_name(folder: RunFolder, result: Result) -> str:
    """Return the name of a run's mechanism.

    Old results do not record it. For these it comes from config.yaml; or from the path, if that has
    the layout of conf/train.yaml; or else it is the class of the privatizer.
    """
    if result.mechanism:
        return result.mechanism
    with suppress(UserError):
        if configured := folder.config().get("mechanism"):
            return str(configured)
    attribute, epsilon, seed = (result.fingerprint[key] for key in ("attribute", "epsilon", "seed"))
    budgets = [] if epsilon is None else [f"epsilon-{epsilon}", f"epsilon-{epsilon:g}"]
    match folder.path.parts:
        case [*_, name, hidden, budget, last] if (
            hidden == attribute and budget in budgets and last == f"seed-{seed}"
        ):
            return name
    return str(result.fingerprint.get("privatizer._target_", "unknown")).rpartition(".")[2]
