"""Loading of trained mechanisms from run folders and exported folders."""

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
    """Load a trained mechanism, whose method ``privatize(images, rng)`` censors images.

    Exported folders may come from anyone: nothing in them is executed. Only load run folders that
    you trust: a run's config.yaml names the functions that build the mechanism, and can name any
    installed function.

    Args:
        path: an exported folder, which needs neither Lightning nor Hydra, or the folder of a
            finished run.

    Returns:
        The mechanism with its final weights, in evaluation mode, without gradients, on the CPU. Its
        attributes are ``image_size`` (S), ``attributes`` (those that it hides) and ``facts`` about
        its training. It raises ValueError for images that are not [B, 3, S, S] in [0, 1].

    Raises:
        UserError: the folder is neither a run folder nor an exported one, was written by another
            version, or contains a damaged file.
    """
    folder = Path(path)
    if is_exported(folder):
        from privacy_gan.release.exported import load_exported

        return load_exported(folder)
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"{folder} is neither a run folder nor an exported one: it contains neither "
            "config.yaml nor config.json"
        )
    from privacy_gan.runs.loading import load_run

    return load_run(folder)


@dataclass(frozen=True)
class TrainedModel:
    """A trained mechanism and its result.

    Attributes:
        path: the folder that it was loaded from.
        is_run: whether that is a run folder, which can be judged again.
        privatizer: the mechanism, on the CPU.
        result: the result of its run.
    """

    path: Path
    is_run: bool
    privatizer: LoadedPrivatizer
    result: Result

    @property
    def judged_formats(self) -> list[str]:
        """The file formats that it was judged with, one for each sensitive attribute."""
        evaluations = self.result.evaluations.values()
        return [each.settings.get("judge.released_as", FLOAT) for each in evaluations]

    @property
    def default_format(self) -> str:
        """The file format of censored images unless another is requested."""
        return next((name for name in self.judged_formats if name != FLOAT), PNG)


def load_trained_model(path: Path) -> TrainedModel:
    """Load a trained mechanism and its result.

    Raises:
        UserError: the folder is neither the folder of a finished run nor an exported one, or the
            mechanism was not trained on images.
    """
    if is_exported(path):
        privatizer = load_privatizer(path)
        file = path / "result.json"
        try:
            result = Result.read(file)
        except FileNotFoundError as error:
            raise UserError(f"{path} contains no result.json: export the run again") from error
        result.require_current(file)
        return TrainedModel(path, False, privatizer, result)
    from privacy_gan.runs.folder import open_folder

    folder = open_folder(path)
    result = folder.finished_result()
    privatizer = load_privatizer(path)
    if not privatizer.viewable:
        run = folder.config()
        raise UserError(f"run={run.run_dir} was trained on {run.data_name}, which has no images")
    return TrainedModel(path, True, privatizer, result)


def is_exported(path: Path) -> bool:
    """Return whether a folder contains an exported mechanism."""
    return (path / "config.json").is_file()
