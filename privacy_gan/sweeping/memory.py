"""A sweep's memory is its runs' folders: what is finished there is not done again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privacy_gan.config import build
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.sweeping.composing import Composer, check_data
from privacy_gan.sweeping.display import watching
from privacy_gan.sweeping.loading import SweepLoader
from privacy_gan.sweeping.naming import names_of
from privacy_gan.sweeping.notes import Notes, noting
from privacy_gan.sweeping.stopping import stopping_runs
from privacy_gan.sweeping.summary import summary
from privacy_gan.sweeping.swept_run import DONE, MISSING, SweptRun


class ClusterLauncher(Launcher):
    """A launcher whose jobs are on other machines and may outlast this process.

    Attributes:
        stops: returns the signals that asked the sweep to stop.
    """

    stops: Callable[[], Sequence[int]]


@dataclass
class RememberingLauncher(Launcher):
    """Passes on to another launcher what is not finished yet.

    Args:
        launcher: the other one.
        hydra_context: composes the runs' configurations.
        config: the sweep's.

    Attributes:
        runs: all that were asked for.
        repetitions: combinations that were asked for and amount to one of them.
        left_out: sets of overrides; runs that have all of one are not asked for.
    """

    launcher: Launcher | None
    hydra_context: HydraContext
    config: DictConfig
    runs: list[SweptRun] = field(default_factory=list)
    repetitions: int = 0
    loader: SweepLoader | None = None
    notes: Notes | None = None
    left_out: list[set[str]] = field(default_factory=list)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Do nothing; the other launcher is set up already."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Launch what is not finished; see ``run_all``."""
        self.run_all(job_overrides)
        return []  # nothing for Hydra to raise

    def run_all(
        self, job_overrides: Sequence[Sequence[str]], named: Sequence[str] = ()
    ) -> list[SweptRun]:
        """Launch what is not finished; wait for it; return and remember what became of it.

        Args:
            job_overrides: of each run.
            named: settings that are in the names of the runs' folders in any case.

        Raises:
            Interrupted: a signal asked to stop; runs that were at work saved their state.
            UserError: something in the overrides is wrong; nothing was launched.
        """
        grid = [
            overrides
            for overrides in job_overrides
            if not any(combination <= set(overrides) for combination in self.left_out)
        ]
        self.loader = self.loader or SweepLoader(self.hydra_context, self.config)
        runs = Composer(self.loader).runs(grid, named)
        for run in runs:
            run.look_before()
        waiting = [run for run in runs if run.status == MISSING]
        if waiting:
            check_data(waiting)
        known = {run.folder for run in self.runs}
        self.runs += [run for run in runs if run.folder not in known]
        self.repetitions += len(grid) - len(runs)
        if waiting:
            self.launch_all(runs, waiting)
        return runs

    def launch_all(self, runs: Sequence[SweptRun], waiting: Sequence[SweptRun]) -> None:
        """Launch the runs that are not finished, and see what became of them.

        Raises:
            Interrupted: a signal asked to stop.
        """
        notes = self.notes
        assert notes is not None  # there from the beginning to the summary
        with stopping_runs(notes):
            with watching(notes, runs):
                returns, lost = self.returned([run.launched for run in waiting])
            for run, returned in zip(waiting, returns, strict=True):
                run.look_after(returned, lost)
        if stops := notes.stops():
            raise Interrupted(stops[0], "repeat the command to go on")

    def returned(
        self, job_overrides: Sequence[Sequence[str]]
    ) -> tuple[Sequence[JobReturn | None], str]:
        """Return what the other launcher returns, or why it returns nothing."""
        assert self.launcher is not None
        assert self.notes is not None
        if isinstance(self.launcher, ClusterLauncher):
            self.launcher.stops = self.notes.stops
        try:
            return self.launcher.launch(job_overrides, initial_job_idx=0), ""
        except UserError:
            raise  # nothing was launched
        except Exception as error:  # a cluster's job was lost: the folders tell how far it came
            return [None] * len(job_overrides), f"{type(error).__name__}: {error}"

    def chart(self) -> None:
        """Show the sweep's finished runs where its tracker, if it has one, shows charts."""
        finished = {
            name: run
            for name, run in zip(names_of(self.runs), self.runs, strict=True)
            if run.status in DONE
        }
        for run in list(finished.values())[:1]:
            if node := OmegaConf.select(run.config, "logger.wandb.sweep_chart"):
                build(node)({name: run.folder for name, run in finished.items()})

    def noting(self) -> AbstractContextManager[Notes]:
        """Have notes taken where all runs can reach them."""
        if isinstance(self.launcher, ClusterLauncher):
            return noting(shared=Path(self.config.hydra.sweep.dir))
        return noting()

    @contextmanager
    def summing_up(self) -> Iterator[None]:
        """Say at the end, whatever happens, what became of each run.

        Raises:
            SystemExit: a run is not finished.
        """
        try:
            with self.noting() as self.notes:  # for all launches: some keep their processes
                yield
        except (UserError, OmegaConfBaseException, HydraException):
            raise  # nothing was launched
        except BaseException:
            if self.runs:
                print(summary(self.runs, self.repetitions))
            raise
        print(summary(self.runs, self.repetitions))
        self.chart()
        if any(run.status not in DONE for run in self.runs):
            sys.exit(1)
