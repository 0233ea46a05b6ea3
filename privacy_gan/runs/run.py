"""A run: its fingerprint, its folder, and whether it is finished.

``Run.complete_result`` is the only place that decides whether a run is finished: commands call it
before they import torch, sweeps before they start a process, and the run itself.
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
        data_key: identifies the data's labels and splits. None if the data were not opened: a
            result in the folder is then assumed to belong to these data.

    Raises:
        UserError: the folder's result is unreadable.
    """
    folder = RunFolder(Path(config.run_dir))
    if data_key is None:
        result = folder.result()
        data_key = "" if result is None else str(result.fingerprint.get("data.key"))
    return Run(folder, run_fingerprint(config_to_dict(config), data_key))


DATA_KEY = "data.key"  # a hash, which tells people nothing


@dataclass(frozen=True)
class Run:
    """A run and its folder.

    Attributes:
        folder: folder of the run's files.
        fingerprint: the settings that determine the results; all files of a folder belong to one
            fingerprint.
    """

    folder: RunFolder
    fingerprint: dict[str, Any]

    def result(self) -> Result | None:
        """Return the result, or None if there is none.

        Raises:
            UserError: the result is unreadable or belongs to another run.
        """
        result = self.folder.result()
        if result is not None:
            self.check_result(result)
        return result

    def complete_result(self, evaluate: bool, baseline: bool) -> Result | None:
        """Return the result if it contains everything requested, else None.

        Args:
            evaluate: whether the run should be evaluated.
            baseline: whether its filter alone should be evaluated, too.

        Raises:
            UserError: the result is unreadable or belongs to another run.
        """
        result = self.result()
        if result is None or not result.is_complete(evaluate, baseline):
            return None
        return result

    def check_result(self, result: Result) -> None:
        """Require a result of this run.

        Raises:
            UserError: it belongs to another run, or another version wrote it with other settings.
        """
        if result.version != RESULT_VERSION and result.fingerprint != self.fingerprint:
            raise UserError(
                f"{self.folder.result_file} was written by another version, whose settings have "
                "other names: train the run again with output_dir=FOLDER, or delete its folder"
            )
        self.check_fingerprint(result.fingerprint, self.folder.result_file)

    def check_fingerprint(self, found: dict[str, Any], where: Path) -> None:
        """Require this run's fingerprint.

        Args:
            found: the fingerprint to compare with.
            where: the file that contains it.

        Raises:
            UserError: names the settings that differ.
        """
        general_first = sorted(
            found.keys() | self.fingerprint.keys(), key=lambda key: (key.count("."), key)
        )
        differences = [
            "other images, labels or splits"
            if key == DATA_KEY
            else f"{key}={found.get(key, 'unset')} (this one: {self.fingerprint.get(key, 'unset')})"
            for key in general_first
            if found.get(key) != self.fingerprint.get(key)
        ]
        if differences:
            more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
            raise UserError(
                f"{where} belongs to a run with {', '.join(differences[:3])}{more}: train this one "
                "in another folder, run_dir=FOLDER" + self.more_epochs_hint(found)
            )

    def more_epochs_hint(self, found: Mapping[str, Any]) -> str:
        """Return how to train further if only the number of epochs grew, else an empty string."""
        epochs = "trainer.max_epochs"
        own = self.fingerprint
        if epochs not in own or epochs not in found or own != {**found, epochs: own[epochs]}:
            return ""
        if any(name.endswith(".codewords") for name in own):  # training/gradient_free.py refuses
            return ""
        additional = own[epochs] - found[epochs]
        if additional < 1:
            return ""
        return (
            f"; for {additional} more epochs from its weights, set {epochs}={additional} "
            f"start_from={self.folder.path} run_dir=FOLDER"
        )
