"""A sweep's runs: their names, folders and statuses, which are read from the folders."""

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
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.run import run_from_config

SKIPPED, FINISHED, PENDING = "already finished", "finished", "not finished"
LOCKED, FAILED = "locked", "failed"
STATUSES = [SKIPPED, FINISHED, PENDING, LOCKED, FAILED]
DONE = (SKIPPED, FINISHED)


@dataclass
class SweptRun:
    """A run of a sweep.

    Attributes:
        overrides: the overrides that describe it.
        config: its resolved configuration.
        launch_overrides: the overrides to launch it with, which may set its folder and its tracked
            name, too.
        status: one of ``STATUSES``.
        reason: why it failed.
    """

    overrides: Sequence[str]
    config: DictConfig
    launch_overrides: Sequence[str]
    status: str = PENDING
    reason: str = ""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return Path(self.config.run_dir)

    def evaluations(self) -> dict[str, Evaluation]:
        """Return the judge's evaluations by attribute; none if the run is not finished."""
        result = RunFolder(self.folder).result()
        return result.evaluations if result is not None else {}

    def check_before_launch(self) -> None:
        """Set the status of a run that was finished before, without importing torch."""
        self._check_result(SKIPPED)

    def update_after_launch(self, job_return: JobReturn | None, launch_error: str) -> None:
        """Set the status of a run that was launched.

        Args:
            job_return: what Hydra returned; None if the launcher failed.
            launch_error: why the launcher failed, or empty.
        """
        self._check_result(FINISHED)
        if self.status != PENDING:
            return
        failure: object = launch_error or "it ended without a result"
        if job_return is not None and job_return.status == JobStatus.FAILED:
            try:
                with redirect_stderr(io.StringIO()):  # Hydra prints that there was an error
                    _ = job_return.return_value
            except Exception as error:
                failure = error
        if isinstance(failure, RunStopped):
            return
        self.status = LOCKED if isinstance(failure, RunLocked) else FAILED
        self.reason = str(failure)

    def _check_result(self, finished: str) -> None:
        config = self.config
        try:
            # without the data's key, for which the data would have to be opened; the run checks it
            run = run_from_config(config)
            if run.complete_result(config.evaluate, config.baseline) is not None:
                self.status = finished
        except UserError as error:
            self.status, self.reason = FAILED, str(error)


def run_names(runs: Sequence[SweptRun]) -> list[str]:
    """Return a name for each run: the overrides that not all runs have."""
    if len(runs) == 1:
        return ["/".join(runs[0].folder.parts[-4:])]
    varying = varying_overrides(runs)
    return [" ".join(o for o in run.overrides if o in varying) or "no change" for run in runs]


def varying_overrides(runs: Sequence[SweptRun]) -> set[str]:
    """Return the overrides that some but not all runs have."""
    sets = [set(run.overrides) for run in runs]
    return set().union(*sets) - sets[0].intersection(*sets) if sets else set()


def unnamed_keys(runs: Sequence[SweptRun]) -> list[str]:
    """Return the keys, in typed order, in which runs with the same folder name differ."""
    by_folder: dict[Path, list[SweptRun]] = {}
    for run in runs:
        by_folder.setdefault(run.folder, []).append(run)
    unnamed = {override_key(o) for group in by_folder.values() for o in varying_overrides(group)}
    typed = dict.fromkeys(override_key(override) for run in runs for override in run.overrides)
    return [key for key in typed if key in unnamed]


def override_key(override: str) -> str:
    """Return the key that an override sets."""
    return override.split("=", 1)[0].lstrip("+~")


def folder_override(run: SweptRun, keys: Sequence[str]) -> str:
    """Return an override that adds some of a run's settings to the name of its folder."""

    def sanitize(text: str) -> str:  # drops what shells, paths and Hydra treat specially
        return re.sub(r"[^\w.+-]+", "_", text).strip("_")

    values = {override_key(override): override.partition("=")[2] for override in run.overrides}
    suffixes = [f"{sanitize(key)}-{sanitize(values[key])}" for key in keys if key in values]
    name = "-".join([run.folder.name, *suffixes])
    return f"run_dir={quote(str(run.folder.with_name(name)))}"


def quote(text: str) -> str:
    """Return a text as a quoted value of an override."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def require_distinct_folders(runs: Sequence[SweptRun]) -> None:
    """Check that no two runs would write to the same folder.

    Raises:
        UserError: two runs would; it names them.
    """
    first: dict[Path, SweptRun] = {}
    for run in runs:
        other = first.setdefault(run.folder, run)
        if other is not run:
            names = run_names([other, run])
            raise UserError(
                f"the runs with {names[0]} and with {names[1]} would share the folder "
                f"{run.folder}: sweep over them in two commands, each with another "
                "output_dir=FOLDER"
            )


def format_summary(runs: Sequence[SweptRun], duplicates: int = 0) -> str:
    """Return a sweep's summary: a count for each status, a line for each run, and what to do next.

    Args:
        runs: the sweep's runs.
        duplicates: number of combinations that were dropped because another one gives the same run.
    """
    counts = [(status, sum(run.status == status for run in runs)) for status in STATUSES]
    counted = ", ".join(f"{count} {status}" for status, count in counts if count)
    lines = [f"sweep of {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {counted}"]
    if duplicates:
        noun = "combination" if duplicates == 1 else "combinations"
        lines[0] += f" ({duplicates} duplicate {noun} dropped)"
    named = list(zip(runs, run_names(runs), strict=True))
    width = max((len(name) for _, name in named), default=0)
    indent = " " * (2 + len(SKIPPED) + 2)
    for run, name in sorted(named, key=lambda item: STATUSES.index(item[0].status)):
        lines.append(f"  {run.status:<{len(SKIPPED)}}  {name:<{width}}  {run.folder}")
        if run.reason:
            lines.append(indent + " ".join(run.reason.split()))
        if run.status == FAILED and (run.folder / "output.log").exists():
            lines.append(f"{indent}its output is in {run.folder / 'output.log'}")
    if any(run.status not in DONE for run in runs):
        lines.append("run the same command again to resume the unfinished runs")
    elif any(run.config.evaluate for run in runs):
        folder = runs[0].config.output_dir
        report = shlex.join(["privacy-gan", "report", f"folder={folder}"])
        lines.append(f"{report} makes their tables and figures")
    return "\n".join(lines)
