"""Launches the unfinished runs of a sweep; the runs' folders are its only memory."""

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
    """A launcher whose jobs run on other machines and may outlast this process.

    Attributes:
        stop_signals: returns the signals that asked the sweep to stop.
    """

    stop_signals: Callable[[], Sequence[int]]


@dataclass
class Sweep:
    """Launches the runs that are not finished.

    Args:
        launcher: a Hydra launcher.
        composer: composes the runs.
        folder: the sweep's folder.
        excluded: sets of overrides; a combination that has all overrides of a set is not run.

    Attributes:
        runs: all requested runs.
        duplicates: number of requested combinations that give the same run as another one.
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
        """Print a summary of the runs at the end of the block, even after an error.

        Raises:
            SystemExit: a run is not finished.
        """
        is_remote = isinstance(self.launcher, ClusterLauncher)
        try:
            # one folder for all launches: joblib's processes serve several of them
            with create_heartbeats(shared=self.folder if is_remote else None) as self.heartbeats:
                yield
        except (UserError, OmegaConfBaseException, HydraException):
            raise  # nothing was launched
        except BaseException:
            if self.runs:
                print(format_summary(self.runs, self.duplicates))
            raise
        print(format_summary(self.runs, self.duplicates))
        self.log_chart()
        if any(run.status not in DONE for run in self.runs):
            sys.exit(1)

    def run_all(
        self, combinations: Sequence[Sequence[str]], named_keys: Sequence[str] = ()
    ) -> list[SweptRun]:
        """Launch the runs that are not finished, wait for them, and return all runs.

        Args:
            combinations: overrides of each run.
            named_keys: settings that are always added to the folder names.

        Raises:
            Interrupted: a signal asked to stop; active runs have saved their state.
            UserError: an override is wrong; nothing was launched.
        """
        grid = [
            overrides
            for overrides in combinations
            if not any(combination <= set(overrides) for combination in self.excluded)
        ]
        runs = self.composer.compose_runs(grid, named_keys)
        for run in runs:
            run.check_before_launch()
        pending = [run for run in runs if run.status == PENDING]
        if errors := find_data_errors(pending):
            raise UserErrors(errors)
        known = {run.folder for run in self.runs}
        self.runs += [run for run in runs if run.folder not in known]
        self.duplicates += len(grid) - len(runs)
        if pending:
            self.launch(runs, pending)
        return runs

    def launch(self, runs: Sequence[SweptRun], pending: Sequence[SweptRun]) -> None:
        """Launch the pending runs and update their statuses.

        Args:
            runs: all runs, whose progress is shown.
            pending: those of them that are not finished.

        Raises:
            Interrupted: a signal asked to stop.
        """
        assert self.heartbeats is not None  # set by summarize_at_end
        if isinstance(self.launcher, ClusterLauncher):
            self.launcher.stop_signals = self.heartbeats.stop_signals
        returns: Sequence[JobReturn | None] = [None] * len(pending)
        launch_error = ""
        with forward_stop_signals(self.heartbeats):
            with show_progress(self.heartbeats, runs):
                try:
                    overrides = [run.launch_overrides for run in pending]
                    returns = self.launcher.launch(overrides, initial_job_idx=0)
                except UserError:
                    raise  # nothing was launched
                except Exception as error:  # a job was lost; the folders hold the runs' statuses
                    launch_error = f"{type(error).__name__}: {error}"
            for run, job_return in zip(pending, returns, strict=True):
                run.update_after_launch(job_return, launch_error)
        if stop_signals := self.heartbeats.stop_signals():
            raise Interrupted(stop_signals[0], "run the same command again to resume")

    def log_chart(self) -> None:
        """Log a chart of the finished runs to the sweep's tracker, if it has one."""
        named = zip(run_names(self.runs), self.runs, strict=True)
        finished = {name: run for name, run in named if run.status in DONE}
        for run in list(finished.values())[:1]:
            if node := OmegaConf.select(run.config, "logger.wandb.sweep_chart"):
                instantiate(node)({name: run.folder for name, run in finished.items()})
