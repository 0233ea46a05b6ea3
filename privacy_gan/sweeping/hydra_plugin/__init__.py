"""Installed as hydra_plugins.privacy_gan, the only place where Hydra looks for sweepers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.sweeping import slurm
from privacy_gan.sweeping.memory import ClusterLauncher, RememberingLauncher
from privacy_gan.sweeping.search import Search


class ResumingSweeper(BasicSweeper):
    """Hydra's own sweeper, for sweeps that are repeated until all of their runs are finished.

    Whatever launcher is configured gets only the runs that are not. One that fails does not stop
    the others; at the end a summary says what became of each, and the exit code whether all is
    done.
    """

    def __init__(self, leave_out: list[list[str]], params: dict[str, str] | None) -> None:
        """Take the grid and what is left out of it: combinations, as lists of overrides."""
        super().__init__(max_batch_size=None, params=params)
        self.left_out = [set(combination) for combination in leave_out]

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Put the memory between sweeper and launcher."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.memory = RememberingLauncher(self.launcher, hydra_context, config)
        self.launcher = self.memory

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Do nothing: the memory composes all runs, and says all that is wrong, not the first."""

    def sweep(self, arguments: list[str]) -> Any:
        """Launch what is not finished, then say how it went.

        Raises:
            SystemExit: with exit code 1 where a run failed.
            UserError: something in the grid is wrong, or the sweep's folder cannot be written.
        """
        typed = {argument.split("=")[0] for argument in arguments}
        self.memory.left_out = [
            combination
            for combination in self.left_out
            if not typed & {override.split("=")[0] for override in combination}
        ]
        try:
            with self.memory.summing_up():
                self.run_all(arguments)
        except OSError as error:
            assert self.config is not None
            error.filename = error.filename or self.config.hydra.sweep.dir
            if error.errno in DISK_FULL:
                raise  # for whoever reports errors
            raise UserError(
                f"cannot write {error.filename} ({error.strerror}): "
                "choose another place with output_dir=FOLDER"
            ) from error

    def run_all(self, arguments: list[str]) -> None:
        """Run all combinations."""
        super().sweep(arguments)


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

    def run_all(self, arguments: list[str]) -> None:
        """Run what is suggested, and say what did best.

        Raises:
            UserError: there is nothing to search, or Optuna is not installed.
        """
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        typed = parser.parse_overrides([*self._parse_config(), *arguments])
        search = Search(typed, self.seed, self.leak_weight)
        while (asked := len(search.study.trials)) < self.trials:
            suggested = search.suggest(min(self.at_once, self.trials - asked))
            runs = self.memory.run_all([overrides for _, overrides in suggested], [*search.space])
            by_overrides = {tuple(run.overrides): run for run in runs}
            for trial, overrides in suggested:
                search.learn(trial, by_overrides.pop(tuple(overrides), None))
        print(search.best())


class SlurmLauncher(ClusterLauncher):
    """Hydra's launcher for SLURM, which hands runs to submitit, and calls them back when it must.

    Its jobs are on other machines and last longer than this process may.
    """

    def __init__(self, folder: str, **parameters: Any) -> None:
        """Take where jobs leave their logs, and what they need; conf/hydra/launcher says what."""
        self.folder = folder
        self.parameters = parameters
        self.stops: Callable[[], Sequence[int]] = list

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
        print(slurm.told(jobs), flush=True)
        return slurm.results(jobs, self.stops)
