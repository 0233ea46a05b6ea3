"""A sweep's memory is its runs' folders: what is finished there is not done again."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from privacy_gan.config import build, check, completed, resolve, settings_of
from privacy_gan.errors import UserError
from privacy_gan.runs.folder import RunFolder, run_of

SKIPPED, FINISHED, FAILED, MISSING = "finished before", "finished", "failed", "not run"


@dataclass
class SweptRun:
    """A run of a sweep.

    Attributes:
        overrides: what was typed for it.
        config: what they amount to, resolved.
        status: what became of it.
        reason: why it failed.
    """

    overrides: Sequence[str]
    config: DictConfig
    status: str = MISSING
    reason: str = ""

    @property
    def folder(self) -> Path:
        """Where the run leaves what it makes."""
        return Path(self.config.run_dir)

    def find_out(self) -> None:
        """See whether the run is finished, by its folder alone; torch is not needed for that.

        Raises:
            UserError: the folder's result is damaged or another run's.
        """
        if self.status == MISSING and is_finished(self.config):
            self.status = FINISHED


def is_finished(config: DictConfig) -> bool:
    """Tell whether a run's folder holds the result that its configuration asks for.

    Args:
        config: resolved and checked.

    Raises:
        UserError: the result is damaged or another run's.
    """
    result = RunFolder(Path(config.run_dir)).result()
    if result is None:
        return False
    # what the data hold is not known without opening them; the run itself looks
    run = run_of(settings_of(config), str(result.identity.get("data.key")))
    run.require_own(result)
    return result.is_complete(config.evaluate, config.baseline)


@dataclass
class RememberingLauncher(Launcher):
    """Passes on to another launcher what is not finished yet.

    Args:
        launcher: the other one.
        hydra_context: composes the runs' configurations.
        config: the sweep's.

    Attributes:
        runs: all that were asked for so far.
        left_out: sets of overrides; runs that have all of one are not asked for.
    """

    launcher: Launcher | None
    hydra_context: HydraContext
    config: DictConfig
    runs: list[SweptRun] = field(default_factory=list)
    left_out: list[set[str]] = field(default_factory=list)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Do nothing; the other launcher is set up already."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Launch what is not finished; wait for it; remember what became of it."""
        assert self.launcher is not None
        runs = [
            SweptRun(overrides, self.compose(overrides))
            for overrides in job_overrides
            if not any(combination <= set(overrides) for combination in self.left_out)
        ]
        refuse_shared_folders(runs)
        for run in runs:
            run.find_out()
            run.status = SKIPPED if run.status == FINISHED else run.status
        self.runs += runs
        waiting = [run for run in runs if run.status == MISSING]
        if waiting:
            returns, reason = self.results_of([run.overrides for run in waiting], initial_job_idx)
            for run, returned in zip(waiting, returns, strict=True):
                settle(run, returned, reason)
        return []  # nothing for Hydra to raise

    def results_of(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> tuple[Sequence[JobReturn | None], str]:
        """Return what the other launcher returns, or why it returns nothing."""
        assert self.launcher is not None
        try:
            return self.launcher.launch(job_overrides, initial_job_idx), ""
        except Exception as error:  # a cluster's job was lost: the folders tell how far it came
            return [None] * len(job_overrides), f"{type(error).__name__}: {error}"

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return a run's configuration, resolved and checked.

        Raises:
            UserError: a value is out of its range.
        """
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        HydraConfig.instance().set_config(composed)
        config = copy.deepcopy(composed)
        with read_write(config), open_dict(config):
            del config["hydra"]
        check(config)
        return completed(config, resolve(config))

    def chart(self) -> None:
        """Show the sweep's finished runs where its tracker, if it has one, shows charts."""
        runs = [run for run in self.runs if run.status in (FINISHED, SKIPPED)]
        node = OmegaConf.select(runs[0].config, "logger.sweep_chart") if runs else None
        if node is not None:
            names = names_of(self.runs)
            build(node)({names[self.runs.index(run)]: run.folder for run in runs})

    @contextmanager
    def summing_up(self) -> Iterator[None]:
        """Say at the end, whatever happens, what became of each run.

        Raises:
            SystemExit: a run failed.
        """
        try:
            yield
        except (UserError, OmegaConfBaseException, HydraException):
            raise  # nothing could be launched
        except BaseException:
            for run in self.runs:
                run.find_out()
            print(summary(self.runs))
            raise
        print(summary(self.runs))
        self.chart()
        if any(run.status not in (FINISHED, SKIPPED) for run in self.runs):
            sys.exit(1)


def settle(run: SweptRun, returned: JobReturn | None, reason: str) -> None:
    """Note what became of a run that was launched."""
    failure: Any = None
    if returned is not None and returned.status == JobStatus.FAILED:
        failure = returned._return_value  # the property would raise it
    try:
        run.find_out()
    except UserError as error:
        failure = error
    if run.status == MISSING:
        run.status = FAILED
        run.reason = str(failure or reason or "it ended without a result")


def refuse_shared_folders(runs: Sequence[SweptRun]) -> None:
    """Refuse runs that would write to the same folder.

    Raises:
        UserError: names two, and what tells them apart.
    """
    first: dict[Path, SweptRun] = {}
    for run in runs:
        other = first.setdefault(run.folder, run)
        if other is not run:
            names = names_of([other, run])
            raise UserError(
                f"runs with {names[0]} and with {names[1]} would share the folder {run.folder}: "
                "let it tell them apart, as in "
                "'run_dir=${output_dir}/${data_name}/${mechanism}/${hydra:job.override_dirname}'"
            )


def names_of(runs: Sequence[SweptRun]) -> list[str]:
    """Return what was typed for each run and not for all of them."""
    common = set.intersection(*(set(run.overrides) for run in runs)) if len(runs) > 1 else set()
    return [
        " ".join(override for override in run.overrides if override not in common) or "the same"
        for run in runs
    ]


def summary(runs: Sequence[SweptRun]) -> str:
    """Say what became of the runs of a sweep, those that failed last."""
    order = [SKIPPED, FINISHED, MISSING, FAILED]
    counts = [(status, sum(run.status == status for run in runs)) for status in order]
    told = ", ".join(f"{number} {status}" for status, number in counts if number)
    lines = [f"sweep of {len(runs)} runs: {told}"]
    named = sorted(zip(runs, names_of(runs), strict=True), key=lambda n: order.index(n[0].status))
    width = max((len(name) for name in names_of(runs)), default=0)
    for run, name in named:
        lines.append(f"  {run.status:<{len(SKIPPED)}}  {name:<{width}}  {run.folder}")
        if run.reason:
            lines.append(f"  {'':<{len(SKIPPED)}}  {' '.join(run.reason.split())}")
    if any(run.status in (MISSING, FAILED) for run in runs):
        lines.append("repeat the command to go on with those that are not finished")
    return "\n".join(lines)
