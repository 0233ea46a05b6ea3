"""A sweep: its memory is its runs' folders, and what is finished there is not done again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from privacy_gan.config import instantiate
from privacy_gan.errors import Interrupted, UserError, UserErrors
from privacy_gan.sweeping.composing import Composer, find_data_errors
from privacy_gan.sweeping.display import show_progress
from privacy_gan.sweeping.heartbeat import Heartbeats, create_heartbeats, forward_stop_signals
from privacy_gan.sweeping.swept_run import DONE, PENDING, SweptRun, format_summary, run_names


class ClusterLauncher(Launcher):
    """A launcher whose jobs are on other machines and may outlast this process.

    Attributes:
        stop_signals: returns the signals that asked the sweep to stop.
    """

    stop_signals: Callable[[], Sequence[int]]


@dataclass
class Sweep:
    """Passes on to a launcher what is not finished yet.

    Args:
        launcher: Hydra's or a plugin's.
        composer: of the runs.
        folder: of the sweep.
        left_out: sets of overrides; runs that have all of one are not asked for.

    Attributes:
        runs: all that were asked for.
        duplicates: combinations that were asked for and amount to one of them.
    """

    launcher: Launcher
    composer: Composer
    folder: Path
    excluded: list[set[str]] = field(default_factory=list)
    runs: list[SweptRun] = field(default_factory=list)
    duplicates: int = 0
    heartbeats: Heartbeats | None = None

    @contextmanager
    def summarize_at_end(self) -> Iterator[None]:
        """Say at the end, whatever happens, what became of each run.

        Raises:
            SystemExit: a run is not finished.
        """
        is_far = isinstance(self.launcher, ClusterLauncher)
        try:
            # for all launches: some keep their processes
            with create_heartbeats(shared=self.folder if is_far else None) as self.heartbeats:
                yield
        except (UserError, OmegaConfBaseException, HydraException):
            raise  # nothing was launched
        except BaseException:
            if self.runs:
                print(format_summary(self.runs, self.duplicates))
            raise
        print(format_summary(self.runs, self.duplicates))
        self.chart()
        if any(run.status not in DONE for run in self.runs):
            sys.exit(1)

    def run_all(
        self, combinations: Sequence[Sequence[str]], named: Sequence[str] = ()
    ) -> list[SweptRun]:
        """Launch what is not finished; wait for it; return and remember what became of it.

        Args:
            combinations: overrides of each run.
            named: settings that are in the names of the runs' folders in any case.

        Raises:
            Interrupted: a signal asked to stop; runs that were at work saved their state.
            UserError: something in the overrides is wrong; nothing was launched.
        """
        grid = [
            overrides
            for overrides in combinations
            if not any(combination <= set(overrides) for combination in self.excluded)
        ]
        runs = self.composer.compose_runs(grid, named)
        for run in runs:
            run.check_before_launch()
        waiting = [run for run in runs if run.status == PENDING]
        if mistakes := find_data_errors(waiting):
            raise UserErrors(mistakes)
        known = {run.folder for run in self.runs}
        self.runs += [run for run in runs if run.folder not in known]
        self.duplicates += len(grid) - len(runs)
        if waiting:
            self.launch(runs, waiting)
        return runs

    def launch(self, runs: Sequence[SweptRun], waiting: Sequence[SweptRun]) -> None:
        """Launch the runs that are not finished, and see what became of them.

        Raises:
            Interrupted: a signal asked to stop.
        """
        assert self.heartbeats is not None  # there from the beginning to the summary
        if isinstance(self.launcher, ClusterLauncher):
            self.launcher.stop_signals = self.heartbeats.stop_signals
        returns: Sequence[JobReturn | None] = [None] * len(waiting)
        lost = ""
        with forward_stop_signals(self.heartbeats):
            with show_progress(self.heartbeats, runs):
                try:
                    launched = [run.launched for run in waiting]
                    returns = self.launcher.launch(launched, initial_job_idx=0)
                except UserError:
                    raise  # nothing was launched
                except Exception as error:  # a job was lost: the folders tell how far it came
                    lost = f"{type(error).__name__}: {error}"
            for run, returned in zip(waiting, returns, strict=True):
                run.update_after_launch(returned, lost)
        if stops := self.heartbeats.stop_signals():
            raise Interrupted(stops[0], "repeat the command to go on")

    def chart(self) -> None:
        """Show the sweep's finished runs where its tracker, if it has one, shows charts."""
        named = zip(run_names(self.runs), self.runs, strict=True)
        finished = {name: run for name, run in named if run.status in DONE}
        for run in list(finished.values())[:1]:
            if node := OmegaConf.select(run.config, "logger.wandb.sweep_chart"):
                instantiate(node)({name: run.folder for name, run in finished.items()})
