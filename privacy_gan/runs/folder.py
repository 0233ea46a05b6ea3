"""A run's folder: its files and its lock."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from privacy_gan.errors import FolderLocked, UserError
from privacy_gan.runs.examples import MEDIAN, SUREST
from privacy_gan.runs.files import atomic_write
from privacy_gan.runs.result import Result

if TYPE_CHECKING:
    from privacy_gan.runs.faces import Faces

FACE_POSITION = "face_position.json"


@dataclass(frozen=True)
class RunFolder:
    """The files of a run; reading them needs no data set.

    Attributes:
        path: contains config.yaml, last.ckpt, metrics.csv, images/, faces.png, adversaries/,
            examples/, splits.csv, face_position.json and, when the run is finished, result.json.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint, from which training resumes."""
        return self.path / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """The logged metrics, one row per step."""
        return self.path / "metrics.csv"

    @property
    def images(self) -> Path:
        """Folder of image grids."""
        return self.path / "images"

    @property
    def faces(self) -> Path:
        """A few faces and their censored versions, for the report."""
        return self.path / "faces.png"

    @property
    def face_position(self) -> Path:
        """Where the training images have the faces' landmarks, for photographs."""
        return self.path / FACE_POSITION

    @property
    def judging(self) -> Path:
        """Folder of the files from which an unfinished evaluation resumes."""
        return self.path / "judging"

    def adversary(self, attribute: str) -> Path:
        """The adversary that predicts an attribute best from single images."""
        return self.path / "adversaries" / f"{attribute}.pt"

    def examples(self, attribute: str, kind: str) -> Path:
        """Test faces, original and censored, see ``evaluation.examples``."""
        return self.path / "examples" / f"{attribute}-{kind}.png"

    def write_examples(self, attribute: str, faces: Mapping[str, Faces]) -> None:
        """Write the examples of an attribute by kind, in place of earlier ones."""
        for kind in (SUREST, MEDIAN):
            self.examples(attribute, kind).unlink(missing_ok=True)
        for kind, images in faces.items():
            images.write(self.examples(attribute, kind))

    @property
    def splits(self) -> Path:
        """The split of each image, if the data give none."""
        return self.path / "splits.csv"

    def write_splits(self, names: Sequence[str], splits: Sequence[str]) -> None:
        """Write a table with the name and the split of each image."""
        with (
            atomic_write(self.splits) as path,
            path.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.writer(file)
            table.writerow(("image", "split"))
            table.writerows(zip(names, splits, strict=True))

    @property
    def output_file(self) -> Path:
        """The output of a run of a sweep."""
        return self.path / "output.log"

    @property
    def result_file(self) -> Path:
        """The results, written last."""
        return self.path / "result.json"

    def config(self) -> DictConfig:
        """Return the run's configuration.

        Raises:
            UserError: this is not a run folder, or its configuration is damaged.
        """
        try:
            config = OmegaConf.load(self.config_file)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(
                f"{self.path} is not a run folder: it contains no config.yaml; give the folder of "
                "a run"
            ) from error
        except OSError as error:
            raise UserError(
                f"{self.config_file} cannot be read ({error.strerror}): make it readable and run "
                "the same command again"
            ) from error
        except (ValueError, YAMLError, OmegaConfBaseException) as error:
            raise UserError(
                f"{self.config_file} is damaged ({error}): train the run again in another folder"
            ) from error
        if not isinstance(config, DictConfig) or "privatizer" not in config:
            raise UserError(
                f"{self.config_file} is not the configuration of a run: give the folder of a run"
            )
        return config

    def result(self) -> Result | None:
        """Return the result, or None if there is none.

        Raises:
            UserError: the result is unreadable.
        """
        try:
            return Result.read(self.result_file)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def finished_result(self) -> Result:
        """Return the result of a finished run.

        Raises:
            UserError: the run is not finished, or its result is unreadable.
        """
        result = self.result()
        if result is None:
            raise UserError(
                f"{self.path} contains no result.json, so its training is not finished: "
                "run the command that trains it again"
            )
        return result

    def write_config(self, config: str) -> None:
        """Save the resolved configuration, which reproduces the run, given as YAML."""
        with atomic_write(self.config_file) as file:
            file.write_text(config, encoding="utf-8")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out of the folder.

        Raises:
            FolderLocked: another process is using the folder.
            UserError: the folder cannot be created.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise FolderLocked(
                f"another process is using {self.path}: wait until it ends, or stop it"
            ) from error
        except OSError as error:
            raise self.write_error(error) from error
        try:
            yield
        finally:
            lock.release()

    def open_output(self) -> IO[str]:
        """Open the file for the output of a run of a sweep, for appending.

        Raises:
            UserError: the folder cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return self.output_file.open("a", encoding="utf-8")
        except OSError as error:
            raise self.write_error(error) from error

    def write_error(self, error: OSError) -> UserError:
        """Return the error for a folder that is not writable."""
        return UserError(
            f"cannot write to the run folder {self.path} ({error.strerror}): "
            "choose another with output_dir=FOLDER"
        )


def open_folder(path: Path) -> RunFolder:
    """Return the folder of a started run.

    Raises:
        UserError: this is not a run folder, or its configuration is damaged.
    """
    folder = RunFolder(Path(path))
    folder.config()
    return folder
