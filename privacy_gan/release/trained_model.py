"""Trained mechanisms, wherever they come from: a run's folder, or an exported one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_gan.data.release_format import FLOAT, PNG
from privacy_gan.errors import UserError
from privacy_gan.runs.result import Result

if TYPE_CHECKING:
    from privacy_gan.privatizers.loaded import LoadedPrivatizer


def load_privatizer(path: str | Path) -> LoadedPrivatizer:
    """Return a trained mechanism: ``privatize(images, rng)`` censors images.

    Exported folders can come from anybody: nothing in them is executed. So it is with a run's
    weights, but its config.yaml names the functions that build the mechanism, and any that is
    installed can be named: load folders of runs of those whom you trust.

    Args:
        path: an exported folder, for which neither Lightning nor Hydra is needed, or the folder of
            a finished run.

    Returns:
        The mechanism as it was at the end, in evaluation mode, without gradients, on the CPU. It
        says its ``image_size`` S, the ``attributes`` that it hides and ``facts`` of its training,
        and refuses images that are not [B, 3, S, S] in [0, 1].

    Raises:
        UserError: the folder holds neither, another version wrote it, or something in it is
            damaged.
    """
    folder = Path(path)
    if is_exported(folder):
        from privacy_gan.release.exported import load_exported

        return load_exported(folder)
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"{folder} is neither a run folder nor an exported one: it holds no config.yaml and no "
            "config.json"
        )
    from privacy_gan.runs.loading import load_run

    return load_run(folder)


@dataclass(frozen=True)
class TrainedModel:
    """A trained mechanism and what is known of it.

    Attributes:
        path: the folder that it came from.
        is_run: whether that is a run's, which can be judged again.
        privatizer: the mechanism, on the CPU.
        result: what was measured.
    """

    path: Path
    is_run: bool
    privatizer: LoadedPrivatizer
    result: Result

    @property
    def judged_formats(self) -> list[str]:
        """The formats that it was judged with, one for each attribute that it hides."""
        evaluations = self.result.evaluations.values()
        return [of.settings.get("judge.released_as", FLOAT) for of in evaluations]

    @property
    def default_format(self) -> str:
        """The format of released images where none is asked for."""
        return next((name for name in self.judged_formats if name != FLOAT), PNG)


def load_trained_model(path: Path) -> TrainedModel:
    """Return a trained mechanism and what is known of it.

    Raises:
        UserError: the folder is neither a finished run's nor an exported one, or was trained on
            what is no pictures.
    """
    if is_exported(path):
        privatizer = load_privatizer(path)
        file = path / "result.json"
        try:
            result = Result.read(file)
        except FileNotFoundError as error:
            raise UserError(f"{path} holds no result.json: export the run again") from error
        result.require_current(file)
        return TrainedModel(path, False, privatizer, result)
    from privacy_gan.runs.folder import open_folder

    folder = open_folder(path)
    result = folder.finished_result()
    privatizer = load_privatizer(path)
    if not privatizer.pictures:
        run = folder.config()
        raise UserError(f"run={run.run_dir} was trained on {run.data_name}, which are no pictures")
    return TrainedModel(path, True, privatizer, result)


def is_exported(path: Path) -> bool:
    """Tell whether a folder is an exported mechanism's."""
    return (path / "config.json").is_file()
