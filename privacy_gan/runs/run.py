"""Which run it is, whether it is finished, and whose the files are that lie in its folder.

Whoever asks whether a run is finished asks ``Run.finished``: a command before it imports torch, a
sweep before it starts a process, and the run itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config import config_to_dict
from privacy_gan.errors import UserError
from privacy_gan.runs.fingerprint import run_fingerprint
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import RESULT_VERSION, Result


def run_from_config(config: DictConfig, data_key: str | None = None) -> Run:
    """Return the run that a configuration describes.

    Args:
        config: resolved.
        data_key: changes with the data's labels and splits. None where nobody opened the data: a
            result that lies in the folder is then taken to be of these data.

    Raises:
        UserError: a result lies there and is unreadable.
    """
    folder = RunFolder(Path(config.run_dir))
    if data_key is None:
        result = folder.result()
        data_key = "" if result is None else str(result.fingerprint.get("data.key"))
    return Run(folder, run_fingerprint(config_to_dict(config), data_key))


@dataclass(frozen=True)
class Run:
    """One run: what it is, and its folder.

    Attributes:
        folder: where it leaves what it makes.
        fingerprint: what decides the outcome; a folder holds one identity only.
    """

    folder: RunFolder
    fingerprint: dict[str, Any]

    def result(self) -> Result | None:
        """Return the result, or None where there is none.

        Raises:
            UserError: the result is unreadable or another run's.
        """
        result = self.folder.result()
        if result is not None:
            self.check_result(result)
        return result

    def complete_result(self, evaluate: bool, baseline: bool) -> Result | None:
        """Return the result if all that is asked for is in it, else None.

        Args:
            evaluate: whether the run is to be judged.
            baseline: whether the filter alone is, too.

        Raises:
            UserError: the result is unreadable or another run's.
        """
        result = self.result()
        if result is None or not result.is_complete(evaluate, baseline):
            return None
        return result

    def check_result(self, result: Result) -> None:
        """Refuse another run's result.

        Raises:
            UserError: it is another run's, or another version's that names settings otherwise.
        """
        if result.version != RESULT_VERSION and result.fingerprint != self.fingerprint:
            raise UserError(
                f"{self.folder.result_file} was written by another version, which names settings "
                "otherwise: train the run again in another place, output_dir=FOLDER, or delete "
                "its folder"
            )
        self.check_fingerprint(result.fingerprint, self.folder.result_file)

    def check_fingerprint(self, found: dict[str, Any], where: Path) -> None:
        """Refuse to go on from what another run left.

        Raises:
            UserError: names the settings that differ.
        """
        general_first = sorted(
            found.keys() | self.fingerprint.keys(), key=lambda k: (k.count("."), k)
        )
        differing = [
            f"{key}={found.get(key, 'unset')} (this one: {self.fingerprint.get(key, 'unset')})"
            for key in general_first
            if found.get(key) != self.fingerprint.get(key)
        ]
        if differing:
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise UserError(
                f"{where} belongs to a run with {', '.join(differing[:3])}{more}: train this one "
                "into a folder of its own, run_dir=FOLDER" + self.more_epochs_hint(found)
            )

    def more_epochs_hint(self, found: Mapping[str, Any]) -> str:
        """Return how to go on where only the number of epochs grew, in words; else nothing."""
        epochs = "trainer.max_epochs"
        own = self.fingerprint
        if epochs not in own or epochs not in found or own != {**found, epochs: own[epochs]}:
            return ""
        missing = own[epochs] - found[epochs]
        if missing < 1:
            return ""
        return (
            f"; more epochs from its weights are {epochs}={missing} "
            f"start_from={self.folder.path} run_dir=FOLDER"
        )
