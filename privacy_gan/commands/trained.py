"""A trained mechanism and what is known of it, from a run's folder or an exported one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from privacy_gan.data.release_format import FLOAT, PNG
from privacy_gan.errors import UserError
from privacy_gan.exporting.loading import is_exported
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.result import Result
from privacy_gan.runs.usable import has_pictures, load_usable


@dataclass(frozen=True)
class Trained:
    """A trained mechanism.

    Attributes:
        path: the folder that it came from.
        is_run: whether that is a run's, which can be judged again.
        privatizer: the mechanism, on the CPU.
        hides: the sensitive attributes.
        image_size: side of the images that it was trained on, in pixels.
        facts: of its training, see ExportedPrivatizer.
        result: what was measured.
    """

    path: Path
    is_run: bool
    privatizer: Privatizer
    hides: list[str]
    image_size: int
    facts: dict[str, Any]
    result: Result


def open_trained(path: Path) -> Trained:
    """Return a trained mechanism.

    Raises:
        UserError: the folder is neither a finished run's nor an exported one, or was trained on
            what is no pictures.
    """
    return from_exported(path) if is_exported(path) else from_run(path)


def from_exported(path: Path) -> Trained:
    """Return the mechanism of an exported folder."""
    from privacy_gan.exporting.exported import load_exported

    privatizer = load_exported(path)
    file = path / "result.json"
    try:
        result = Result.read(file)
    except FileNotFoundError as error:
        raise UserError(f"{path} holds no result.json: export the run again") from error
    result.require_current(file)
    hides, facts = list(privatizer.attributes), privatizer.facts
    return Trained(path, False, privatizer, hides, privatizer.image_size, facts, result)


def from_run(path: Path) -> Trained:
    """Return the mechanism of a finished run."""
    folder = open_folder(path)
    run, result = folder.config(), folder.finished_result()
    require_pictures(run)
    privatizer = load_usable(path)
    hides, facts = list(privatizer.attributes), privatizer.facts
    return Trained(path, True, privatizer, hides, privatizer.image_size, facts, result)


def judged_formats(result: Result) -> list[str]:
    """Return the formats that a run was judged with, one for each attribute that it hides."""
    return [of.settings.get("judge.released_as", FLOAT) for of in result.evaluations.values()]


def usual_format(result: Result) -> str:
    """Return the format of released images where none is asked for."""
    return next((name for name in judged_formats(result) if name != FLOAT), PNG)


def require_pictures(run: DictConfig) -> None:
    """Refuse a run on toy data."""
    if not has_pictures(run):
        raise UserError(f"run={run.run_dir} was trained on {run.data_name}, which are no pictures")
