"""Installed as hydra_plugins.privacy_gan, the only place where Hydra looks for sweepers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.sweeping import slurm
from privacy_gan.sweeping.composing import Composer, SweepLoader, expand_grid
from privacy_gan.sweeping.search import Search
from privacy_gan.sweeping.sweep import ClusterLauncher, Sweep


class ResumingSweeper(Sweeper):
    """Goes through a grid, for sweeps that are repeated until all of their runs are finished.

    Whatever launcher is configured gets only the runs that are not. One that fails does not stop
    the others; at the end a summary says what became of each, and the exit code whether all is
    done.
    """

    def __init__(self, leave_out: list[list[str]], params: dict[str, str] | None) -> None:
        """Take the grid and what is left out of it: combinations, as lists of overrides."""
        self.excluded = leave_out
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what composes and what launches runs."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.loader = SweepLoader(hydra_context, config)
        self.runs = Sweep(launcher, Composer(self.loader), Path(config.hydra.sweep.dir))

    def sweep(self, arguments: list[str]) -> Any:
        """Launch what is not finished, then say how it went.

        Raises:
            SystemExit: with exit code 1 where a run failed.
            UserError: something in the grid is wrong, or the sweep's folder cannot be written.
        """
        typed = {argument.split("=")[0] for argument in arguments}
        self.runs.excluded = [
            set(combination)
            for combination in self.excluded
            if not typed & {override.split("=")[0] for override in combination}
        ]
        preset = [f"{key}={values}" for key, values in self.params.items()]
        try:
            with self.runs.summarize_at_end():
                self.run_all(self.loader.parser.parse_overrides([*preset, *arguments]))
        except OSError as error:
            error.filename = error.filename or self.runs.folder
            if error.errno in DISK_FULL:
                raise  # for whoever reports errors
            raise UserError(
                f"cannot write {error.filename} ({error.strerror}): "
                "choose another place with output_dir=FOLDER"
            ) from error

    def run_all(self, overrides: Sequence[Override]) -> None:
        """Run all combinations."""
        combinations = expand_grid(overrides)
        self.runs.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.loader.sweep, self.runs.folder / "multirun.yaml")
        self.runs.run_all(combinations)


class SearchingSweeper(ResumingSweeper):
    """Searches for the best trade-off, by Optuna's suggestions; it, too, goes on when repeated."""

    def __init__(
        self,
        leave_out: list[list[str]],
        params: dict[str, str] | None,
        trials: int,
        at_once: int,
        seed: int,
        leak_weight: float,
    ) -> None:
        """Take what is searched, and how; conf/hydra/sweeper/optuna.yaml says what each is."""
        super().__init__(leave_out, params)
        self.trials = trials
        self.at_once = at_once
        self.seed = seed
        self.leak_weight = leak_weight

    def run_all(self, overrides: Sequence[Override]) -> None:
        """Run what is suggested, and say what did best.

        Raises:
            UserError: there is nothing to search, or Optuna is not installed.
        """
        search = Search(overrides, self.seed, self.leak_weight)
        while (asked := len(search.study.trials)) < self.trials:
            suggested = search.ask(min(self.at_once, self.trials - asked))
            runs = self.runs.run_all([suggestion for _, suggestion in suggested], [*search.space])
            by_overrides = {tuple(run.overrides): run for run in runs}
            for trial, suggestion in suggested:
                search.tell(trial, by_overrides.pop(tuple(suggestion), None))
        print(search.format_best())


class SlurmLauncher(ClusterLauncher):
    """Hydra's launcher for SLURM, which hands runs to submitit, and calls them back when it must.

    Its jobs are on other machines and last longer than this process may.
    """

    def __init__(self, folder: str, **parameters: Any) -> None:
        """Take where jobs leave their logs, and what they need; conf/hydra/launcher says what."""
        self.folder = folder
        self.parameters = parameters
        self.stop_signals: Callable[[], Sequence[int]] = list

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what a job needs to be one of the sweep.

        Raises:
            UserError: submitit is missing.
        """
        try:
            from hydra_plugins.hydra_submitit_launcher import submitit_launcher
        except ModuleNotFoundError as error:
            raise UserError(
                "hydra/launcher needs submitit: pip install 'privacy_gan[launchers]'"
            ) from error
        self.hydras = submitit_launcher.SlurmLauncher()
        self.hydras.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit a job for each run, and wait for all.

        Raises:
            UserError: SLURM refused them.
        """
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        tasks = [
            (list(overrides), "hydra.sweep.dir", number, f"run {number}", Singleton.get_state())
            for overrides, number in zip(job_overrides, numbers, strict=True)
        ]
        function = slurm.JobFunction(self.hydras, self.parameters["requeue"])
        jobs = slurm.submit(function, tasks, self.folder, self.parameters)
        ids = jobs[0].job_id if len(jobs) == 1 else f"{jobs[0].job_id} to {jobs[-1].job_id}"
        print(
            f"submitted {len(jobs)} {'job' if len(jobs) == 1 else 'jobs'} to SLURM, {ids}: "
            "squeue shows them, Ctrl-C cancels them",
            flush=True,
        )
        return slurm.wait_for_results(jobs, self.stop_signals)
