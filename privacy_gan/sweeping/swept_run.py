"""A run of a sweep: what it is called, where it is, and what became of it, as its folder tells."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from privacy_gan.errors import RunLocked, RunStopped, UserError
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Evaluation
from privacy_gan.runs.run import run_from_config

SKIPPED, FINISHED, PENDING = "finished before", "finished", "not finished"
LOCKED, FAILED = "taken", "failed"
STATUSES = [SKIPPED, FINISHED, PENDING, LOCKED, FAILED]
DONE = (SKIPPED, FINISHED)


@dataclass
class SweptRun:
    """A run of a sweep.

    Attributes:
        overrides: what was typed for it.
        config: what they amount to, resolved.
        launched: the overrides with its folder's name, where that says more than usual.
        status: what became of it.
        reason: why it failed.
    """

    overrides: Sequence[str]
    config: DictConfig
    launched: Sequence[str]
    status: str = PENDING
    reason: str = ""

    @property
    def folder(self) -> Path:
        """Where the run leaves what it makes."""
        return Path(self.config.run_dir)

    def evaluations(self) -> dict[str, Evaluation]:
        """Return what the judge found, by attribute; nothing where the run is not finished."""
        result = RunFolder(self.folder).result()
        return result.evaluations if result is not None else {}

    def check_before_launch(self) -> None:
        """See whether the run was finished before; torch is not needed for that."""
        self._check_result(SKIPPED)

    def update_after_launch(self, returned: JobReturn | None, lost: str) -> None:
        """See what became of the run after it was launched.

        Args:
            returned: what Hydra says of it, if it says anything.
            lost: why it says nothing.
        """
        self._check_result(FINISHED)
        if self.status != PENDING:
            return
        failure: object = lost or "it ended without a result"
        if returned is not None and returned.status == JobStatus.FAILED:
            try:
                with redirect_stderr(io.StringIO()):  # Hydra says that there was an error
                    _ = returned.return_value
            except Exception as error:
                failure = error
        if isinstance(failure, RunStopped):
            return
        self.status = LOCKED if isinstance(failure, RunLocked) else FAILED
        self.reason = str(failure)

    def _check_result(self, finished: str) -> None:
        config = self.config
        try:
            # what the data hold is not known without opening them; the run itself looks
            if (
                run_from_config(config).complete_result(config.evaluate, config.baseline)
                is not None
            ):
                self.status = finished
        except UserError as error:
            self.status, self.reason = FAILED, str(error)


def run_names(runs: Sequence[SweptRun]) -> list[str]:
    """Return what was typed for each run and not for all of them."""
    if len(runs) == 1:
        return ["/".join(runs[0].folder.parts[-4:])]
    told = varying_overrides(runs)
    return [" ".join(o for o in run.overrides if o in told) or "no change" for run in runs]


def varying_overrides(runs: Sequence[SweptRun]) -> set[str]:
    """Return the overrides that some runs have and others do not."""
    sets = [set(run.overrides) for run in runs]
    return set().union(*sets) - sets[0].intersection(*sets) if sets else set()


def unnamed_keys(runs: Sequence[SweptRun]) -> list[str]:
    """Return the keys of settings that runs which share a folder differ in, as they were typed."""
    by_folder: dict[Path, list[SweptRun]] = {}
    for run in runs:
        by_folder.setdefault(run.folder, []).append(run)
    untold = {override_key(o) for sharing in by_folder.values() for o in varying_overrides(sharing)}
    typed = dict.fromkeys(override_key(override) for run in runs for override in run.overrides)
    return [key for key in typed if key in untold]


def override_key(override: str) -> str:
    """Return what an override sets."""
    return override.split("=", 1)[0].lstrip("+~")


def folder_override(run: SweptRun, keys: Sequence[str]) -> str:
    """Return an override that gives a run a folder with some of its settings in its name."""

    def plain(text: str) -> str:  # without what shells, paths and Hydra have another use for
        return re.sub(r"[^\w.+-]+", "_", text).strip("_")

    values = {override_key(override): override.partition("=")[2] for override in run.overrides}
    told = [f"{plain(key)}-{plain(values[key])}" for key in keys if key in values]
    name = "-".join([run.folder.name, *told])
    return f"run_dir={quote(str(run.folder.with_name(name)))}"


def quote(text: str) -> str:
    """Return a text as a value of an override."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def require_distinct_folders(runs: Sequence[SweptRun]) -> None:
    """Refuse runs that would write to the same folder.

    Raises:
        UserError: names two.
    """
    first: dict[Path, SweptRun] = {}
    for run in runs:
        other = first.setdefault(run.folder, run)
        if other is not run:
            names = run_names([other, run])
            raise UserError(
                f"runs with {names[0]} and with {names[1]} would share the folder {run.folder}: "
                "sweep over them in two commands, each with an output_dir=FOLDER of its own"
            )


def format_summary(runs: Sequence[SweptRun], duplicates: int = 0) -> str:
    """Say what became of the runs of a sweep, those that failed last, and why they did.

    Args:
        runs: of the sweep.
        duplicates: combinations that amount to one of them.
    """
    counts = [(status, sum(run.status == status for run in runs)) for status in STATUSES]
    told = ", ".join(f"{number} {status}" for status, number in counts if number)
    lines = [f"sweep of {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {told}"]
    if duplicates:
        lines[0] += f" (combinations left out that are one of these again: {duplicates})"
    named = list(zip(runs, run_names(runs), strict=True))
    width = max((len(name) for _, name in named), default=0)
    indent = " " * (2 + len(SKIPPED) + 2)
    for run, name in sorted(named, key=lambda each: STATUSES.index(each[0].status)):
        lines.append(f"  {run.status:<{len(SKIPPED)}}  {name:<{width}}  {run.folder}")
        if run.reason:
            lines.append(indent + " ".join(run.reason.split()))
        if run.status == FAILED and (run.folder / "output.log").exists():
            lines.append(f"{indent}all that it said is in {run.folder / 'output.log'}")
    if any(run.status not in DONE for run in runs):
        lines.append("repeat the command to go on with those that are not finished")
    elif any(run.config.evaluate for run in runs):
        folder = runs[0].config.output_dir
        report = shlex.join(["privacy-gan", "report", f"folder={folder}"])
        lines.append(f"{report} reports on them")
    return "\n".join(lines)
