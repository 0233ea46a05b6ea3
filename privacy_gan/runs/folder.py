"""A run's folder: what lies in it, and who works on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from privacy_gan.errors import FolderLocked, UserError
from privacy_gan.runs.files import atomic_write
from privacy_gan.runs.result import Result


@dataclass(frozen=True)
class RunFolder:
    """Where a run leaves what it makes; no data set is needed to look into it.

    Attributes:
        path: holds config.yaml, last.ckpt, metrics.csv, images/, faces.png, adversaries/ and, last,
            result.json.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """State to go on from; there from the first save on."""
        return self.path / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """What was logged, one row per step."""
        return self.path / "metrics.csv"

    @property
    def images(self) -> Path:
        """Folder of pictures."""
        return self.path / "images"

    @property
    def faces(self) -> Path:
        """A few faces and what the mechanism makes of them, for the report."""
        return self.path / "faces.png"

    @property
    def judging(self) -> Path:
        """Folder of what is to be gone on from while the run is judged."""
        return self.path / "judging"

    def adversary(self, attribute: str) -> Path:
        """The strongest adversary that the judge found to tell an attribute of single images."""
        return self.path / "adversaries" / f"{attribute}.pt"

    @property
    def output_file(self) -> Path:
        """What a run of a sweep printed."""
        return self.path / "output.log"

    @property
    def result_file(self) -> Path:
        """What came out; there when all is done."""
        return self.path / "result.json"

    def config(self) -> DictConfig:
        """Return how the run was made.

        Raises:
            UserError: this is not a run folder, or its configuration is damaged.
        """
        try:
            config = OmegaConf.load(self.config_file)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(f"{self.path} is not a run folder: it holds no config.yaml") from error
        except OSError as error:
            raise UserError(f"{self.config_file} cannot be read ({error.strerror})") from error
        except (ValueError, YAMLError, OmegaConfBaseException) as error:
            raise UserError(f"{self.config_file} is damaged: {error}") from error
        if not isinstance(config, DictConfig) or "privatizer" not in config:
            raise UserError(f"{self.config_file} is not the configuration of a run")
        return config

    def result(self) -> Result | None:
        """Return the result, or None where the run is not finished.

        Raises:
            UserError: the result is unreadable.
        """
        try:
            return Result.read(self.result_file)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def finished_result(self) -> Result:
        """Return the result.

        Raises:
            UserError: the run is not finished, or its result is unreadable.
        """
        result = self.result()
        if result is None:
            raise UserError(
                f"{self.path} holds no result.json, so its training is not finished: "
                "repeat the command that trains it"
            )
        return result

    def write_config(self, config: str) -> None:
        """Keep the resolved configuration, as YAML, which reproduces the run."""
        with atomic_write(self.config_file) as file:
            file.write_text(config, encoding="utf-8")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out of the folder for a while.

        Raises:
            FolderLocked: another process is at work on this run.
            UserError: the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise FolderLocked(
                f"another process is at work in {self.path}: wait for it or stop it"
            ) from error
        except OSError as error:
            raise self.not_writable(error) from error
        try:
            yield
        finally:
            lock.release()

    def output(self) -> IO[str]:
        """Open the file that a run of a sweep prints to; what earlier tries printed stays.

        Raises:
            UserError: the folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return self.output_file.open("a", encoding="utf-8")
        except OSError as error:
            raise self.not_writable(error) from error

    def not_writable(self, error: OSError) -> UserError:
        """Return what to tell a user whose run cannot leave anything here."""
        return UserError(
            f"cannot write to the run folder {self.path} ({error.strerror}): "
            "choose another with output_dir=FOLDER"
        )


def open_folder(path: Path) -> RunFolder:
    """Return the folder of a run that was begun.

    Raises:
        UserError: this is not a run folder, or its configuration is damaged.
    """
    folder = RunFolder(Path(path))
    folder.config()
    return folder
