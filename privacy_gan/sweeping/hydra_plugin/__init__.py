"""Hydra's sweepers and launcher; installed as hydra_plugins.privacy_gan, where Hydra finds them."""

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
    """A grid sweep that resumes: it launches only the runs that are not finished.

    A run that fails does not stop the others. At the end a summary lists the status of each run,
    and the exit code is 1 unless all are finished.

    Args:
        leave_out: combinations to exclude from the grid, as lists of overrides.
        params: values by key, which the command line may override.
    """

    def __init__(self, leave_out: list[list[str]], params: dict[str, str] | None) -> None:
        self.excluded = leave_out
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Instantiate the launcher and the composer of the runs."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.loader = SweepLoader(hydra_context, config)
        self.runner = Sweep(launcher, Composer(self.loader), Path(config.hydra.sweep.dir))

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the unfinished runs and print a summary.

        Raises:
            SystemExit: a run is not finished; the exit code is 1.
            UserError: an override is wrong, or the sweep's folder is not writable.
        """
        typed = {argument.split("=")[0] for argument in arguments}
        self.runner.excluded = [
            set(combination)
            for combination in self.excluded
            if not typed & {override.split("=")[0] for override in combination}
        ]
        preset = [f"{key}={values}" for key, values in self.params.items()]
        try:
            with self.runner.summarize_at_end():
                self.run_all(self.loader.parser.parse_overrides([*preset, *arguments]))
        except OSError as error:
            error.filename = error.filename or self.runner.folder
            if error.errno in DISK_FULL:
                raise  # the command line reports it
            raise UserError(
                f"cannot write {error.filename} ({error.strerror}): "
                "choose another place with output_dir=FOLDER"
            ) from error

    def run_all(self, overrides: Sequence[Override]) -> None:
        """Run all combinations."""
        combinations = expand_grid(overrides)
        self.runner.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.loader.sweep, self.runner.folder / "multirun.yaml")
        self.runner.run_all(combinations)


class SearchingSweeper(ResumingSweeper):
    """A search for the best trade-off with Optuna, which resumes, too.

    conf/hydra/sweeper/optuna.yaml describes the arguments.
    """

    def __init__(
        self,
        leave_out: list[list[str]],
        params: dict[str, str] | None,
        trials: int,
        at_once: int,
        seed: int,
        leak_weight: float,
    ) -> None:
        super().__init__(leave_out, params)
        self.trials = trials
        self.at_once = at_once
        self.seed = seed
        self.leak_weight = leak_weight

    def run_all(self, overrides: Sequence[Override]) -> None:
        """Run the suggested trials and print the best one.

        Raises:
            UserError: no override is searched, or Optuna is not installed.
        """
        search = Search(overrides, self.seed, self.leak_weight)
        while (count := len(search.study.trials)) < self.trials:
            suggested = search.ask(min(self.at_once, self.trials - count))
            runs = self.runner.run_all([suggestion for _, suggestion in suggested], [*search.space])
            by_overrides = {tuple(run.overrides): run for run in runs}
            for trial, suggestion in suggested:
                search.tell(trial, by_overrides.pop(tuple(suggestion), None))
        print(search.format_best())


class SlurmLauncher(ClusterLauncher):
    """A launcher that submits each run as a SLURM job with submitit.

    The jobs call Hydra's own SLURM launcher, which runs one job of a sweep.

    Args:
        folder: folder of the jobs' logs.
        parameters: what the jobs need, see conf/hydra/launcher/slurm.yaml.
    """

    def __init__(self, folder: str, **parameters: Any) -> None:
        self.folder = folder
        self.parameters = parameters
        self.stop_signals: Callable[[], Sequence[int]] = list

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Set up Hydra's launcher, which the jobs call.

        Raises:
            UserError: submitit is not installed.
        """
        try:
            from hydra_plugins.hydra_submitit_launcher import submitit_launcher
        except ModuleNotFoundError as error:
            raise UserError(
                "hydra/launcher needs submitit: pip install 'privacy_gan[launchers]'"
            ) from error
        self.job_launcher = submitit_launcher.SlurmLauncher()
        self.job_launcher.setup(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit a job for each run, and wait for all of them.

        Raises:
            UserError: SLURM refused the jobs.
        """
        indices = range(initial_job_idx, initial_job_idx + len(job_overrides))
        tasks = [
            (list(overrides), "hydra.sweep.dir", index, f"run {index}", Singleton.get_state())
            for overrides, index in zip(job_overrides, indices, strict=True)
        ]
        function = slurm.JobFunction(self.job_launcher, self.parameters["requeue"])
        jobs = slurm.submit(function, tasks, self.folder, self.parameters)
        ids = jobs[0].job_id if len(jobs) == 1 else f"{jobs[0].job_id} to {jobs[-1].job_id}"
        print(
            f"submitted {len(jobs)} {'job' if len(jobs) == 1 else 'jobs'} to SLURM, {ids}: "
            "squeue lists them, Ctrl-C cancels them",
            flush=True,
        )
        return slurm.wait_for_results(jobs, self.stop_signals)
