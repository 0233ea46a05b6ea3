"""What a run's mechanism is called: as its configuration recorded it."""

from __future__ import annotations

from privacy_gan.errors import UserError
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result


def mechanism_of(folder: RunFolder, result: Result) -> str:
    """Return a mechanism's name.

    It is what the result recorded or, of a result from before it did, what config.yaml says. Where
    that is gone, too, a folder that is laid out as conf/train.yaml lays it out tells the name, and
    any other one only the kind of privatizer.
    """
    return result.mechanism or configured(folder) or laid_out(folder, result) or kind_of(result)


def configured(folder: RunFolder) -> str:
    """Return the name in a run's config.yaml, "" where there is none."""
    try:
        return str(folder.config().get("mechanism") or "")
    except UserError:
        return ""


def laid_out(folder: RunFolder, result: Result) -> str:
    """Return the name in MECHANISM/ATTRIBUTE/epsilon-E/seed-S, "" where a path is another one."""
    attribute, epsilon, seed = (result.identity[key] for key in ("attribute", "epsilon", "seed"))
    budgets = [] if epsilon is None else [f"epsilon-{epsilon}", f"epsilon-{epsilon:g}"]
    parts = folder.path.parts[-4:]
    usual = len(parts) == 4 and parts[1] == attribute and parts[3] == f"seed-{seed}"
    return parts[0] if usual and parts[2] in budgets else ""


def kind_of(result: Result) -> str:
    """Return what the privatizer's class is called, "unknown" where nothing says it."""
    target = str(result.identity.get("privatizer._target_", "unknown"))
    return target.rpartition(".")[2]
