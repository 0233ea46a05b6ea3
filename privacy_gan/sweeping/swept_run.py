"""A run of a sweep, and what became of it, as its folder tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from privacy_gan.config import settings_of
from privacy_gan.errors import RunStopped, RunTaken, UserError
from privacy_gan.runs.folder import RunFolder, run_of
from privacy_gan.runs.result import Evaluation

SKIPPED, FINISHED, MISSING = "finished before", "finished", "not finished"
TAKEN, FAILED = "taken", "failed"
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
    status: str = MISSING
    reason: str = ""

    @property
    def folder(self) -> Path:
        """Where the run leaves what it makes."""
        return Path(self.config.run_dir)

    def evaluations(self) -> dict[str, Evaluation]:
        """Return what the judge found, by attribute; nothing where the run is not finished."""
        result = RunFolder(self.folder).result()
        return result.evaluations if result is not None else {}

    def look_before(self) -> None:
        """See whether the run was finished before; torch is not needed for that."""
        self._look(SKIPPED)

    def look_after(self, returned: JobReturn | None, lost: str) -> None:
        """See what became of the run after it was launched.

        Args:
            returned: what Hydra says of it, if it says anything.
            lost: why it says nothing.
        """
        self._look(FINISHED)
        if self.status != MISSING:
            return
        failure: object = lost or "it ended without a result"
        if returned is not None and returned.status == JobStatus.FAILED:
            failure = returned._return_value  # the property would raise it
        if isinstance(failure, RunStopped):
            return
        self.status = TAKEN if isinstance(failure, RunTaken) else FAILED
        self.reason = str(failure)

    def _look(self, finished: str) -> None:
        try:
            if is_finished(self.config):
                self.status = finished
        except UserError as error:
            self.status, self.reason = FAILED, str(error)


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
