"""A cache of artifacts that take long to compute, such as trained classifiers.

What a killed process leaves behind:

- finished files are complete, because every file is written atomically;
- unfinished work is in a resume checkpoint (see ``ResumeCheckpoint``), from which the same call
  resumes if the settings that determine the result have not changed;
- the lock is released, and other processes see finished files only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from privacy_gan import distributed
from privacy_gan.errors import UserError
from privacy_gan.runs.checkpoint import save_atomically
from privacy_gan.runs.fingerprint import short_hash
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors

log = logging.getLogger(__name__)

Content = dict[str, Any]

# Key in a resume checkpoint for the results of a process that waits for the others.
RESULTS = "made"


@dataclass
class ResumeCheckpoint:
    """A file with the state of an unfinished computation.

    Args:
        path: the file.
        key: identifies what determines the result; content with another key is ignored.
        every_minutes: minimum time between two periodic writes.
    """

    path: Path
    key: str
    every_minutes: float
    written_at: float = field(default_factory=time.monotonic)

    def read(self) -> Content | None:
        """Return the saved content, or None; no code in the file is executed.

        Raises:
            UserError: the file cannot be read at the moment; it is kept.
        """
        try:
            saved = read_tensors(self.path)
        except FileNotFoundError:
            return None
        except (DamagedFile, UnsupportedFile):
            log.warning("%s is damaged: starting from the beginning", self.path)
            return None
        content: Content | None = saved.get("content") if saved.get("key") == self.key else None
        return content

    def is_due(self) -> bool:
        """Return whether the time between two writes is over."""
        return time.monotonic() - self.written_at >= 60 * self.every_minutes

    def write(self, content: Content) -> None:
        """Replace the saved content atomically."""
        save_atomically(self.path, {"key": self.key, "content": content})
        self.written_at = time.monotonic()

    def remove(self) -> None:
        """Delete the file, and the one of the retry."""
        self.path.unlink(missing_ok=True)
        self.for_retry().path.unlink(missing_ok=True)

    def for_retry(self) -> ResumeCheckpoint:
        """Return the checkpoint for a second attempt with what failed in the first."""
        return replace(self, path=self.path.with_name(f"{self.path.name}.again"))


# Computes artifacts: takes the names of the missing ones and their resume checkpoint, returns their
# contents by name.
Make = Callable[[Sequence[str], ResumeCheckpoint], Mapping[str, Content]]


class ArtifactCache:
    """A folder of artifacts, which one run at a time writes.

    The processes of a run share the work; rank 0 saves the results.

    Args:
        folder: folder of the files.
        description: what the files contain, for messages.
        every_minutes: minimum time between two writes of a resume checkpoint.
        option: name of the option that sets the folder, if all runs share the cache; None for a
            run's own cache. In a shared cache, a damaged file is an error, and an empty artifact
            that ``get`` computed is not saved, so that the next run tries it again. In a run's own
            cache, damaged files are computed again and empty artifacts are saved.
    """

    def __init__(
        self, folder: Path, description: str, every_minutes: float, option: str | None = None
    ) -> None:
        self.folder = folder
        self.description = description
        self.every_minutes = every_minutes
        self.option = option

    @property
    def is_shared(self) -> bool:
        """Whether all runs share the cache."""
        return self.option is not None

    def path(self, name: str, settings: str) -> Path:
        """Return the file of an artifact.

        Args:
            name: distinguishes it from others with the same settings.
            settings: everything else that determines the result, in any textual form.
        """
        return self.folder / f"{name}-{short_hash(settings)}.pt"

    def get(self, paths: Mapping[str, Path], make: Make) -> dict[str, Content]:
        """Return artifacts; compute those that are missing.

        Args:
            paths: their files by name, see ``path``.
            make: computes missing artifacts, see ``Make``.

        Raises:
            UserError: a file is damaged, or the folder is not writable.
        """
        results: dict[str, Content] = {}
        if self._missing(paths):
            with self._lock() if distributed.rank() == 0 else nullcontext():
                if missing := self._missing(paths):  # another run may have saved them meanwhile
                    if self.is_shared:
                        log.info(
                            "training %s, once for all runs: %s",
                            self.description,
                            ", ".join(missing),
                        )
                    results = distributed.scatter_work(
                        missing, lambda names: self._compute(names, paths, make)
                    )
                    if distributed.rank() == 0:
                        self._save(results, paths)
                    distributed.barrier()
        return {
            name: read_artifact(path)
            if name not in results or self._should_save(results[name])
            else {}
            for name, path in paths.items()
        }

    def get_joint(self, path: Path, make: Callable[[ResumeCheckpoint], Content]) -> Content:
        """Return an artifact that all ranks compute together; compute it if it is missing.

        Args:
            path: its file, see ``path``.
            make: computes it; called on all ranks, each with a separate resume checkpoint, and
                returns the same on all of them.

        Raises:
            UserError: the file is damaged, or the folder is not writable.
        """
        if self._missing({path.name: path}):
            with self._lock() if distributed.rank() == 0 else nullcontext():
                if self._missing({path.name: path}):
                    if self.is_shared:
                        name = path.stem.rpartition("-")[0]
                        log.info("training %s, once for all runs: %s", self.description, name)
                    resume = self._joint_checkpoint(path)
                    content = make(resume)
                    if distributed.rank() == 0:
                        save_atomically(path, content)
                    distributed.barrier()
                    resume.remove()
        return read_artifact(path)

    def _joint_checkpoint(self, path: Path) -> ResumeCheckpoint:
        """Return this rank's resume checkpoint of an artifact that all ranks compute together."""
        rank, ranks = distributed.rank(), distributed.world_size()
        suffix = f".{rank}" if rank else ""
        checkpoint = path.with_name(f"{path.name}{suffix}.begun")
        return ResumeCheckpoint(checkpoint, f"{path.name} {rank}/{ranks}", self.every_minutes)

    def _compute(
        self, names: Sequence[str], paths: Mapping[str, Path], make: Make
    ) -> Mapping[str, Content]:
        """Compute this rank's share.

        With several ranks, save the share until every rank has finished.
        """
        resume = self._resume_checkpoint([paths[name] for name in names])
        saved = resume.read()
        if saved is not None and RESULTS in saved:
            results: Mapping[str, Content] = saved[RESULTS]
            return results
        results = make(names, resume)
        if distributed.world_size() > 1:
            resume.write({RESULTS: dict(results)})
        return results

    def _save(self, results: Mapping[str, Content], paths: Mapping[str, Path]) -> None:
        """Save results, then delete their resume checkpoints."""
        for name, content in results.items():
            if self._should_save(content):
                save_atomically(paths[name], content)
        for name in results:
            self._resume_checkpoint([paths[name]]).remove()

    def _should_save(self, content: Content) -> bool:
        """Return whether to save content: empty content only in a run's own cache."""
        return bool(content) or not self.is_shared

    def _missing(self, paths: Mapping[str, Path]) -> list[str]:
        """Return the names of missing files, as rank 0 sees them."""
        return distributed.broadcast_from_rank_zero(
            lambda: [name for name, path in paths.items() if not self._is_available(path)]
        )

    def _is_available(self, path: Path) -> bool:
        if self.is_shared or not path.exists():
            return path.exists()
        try:
            read_tensors(path, mmap=True)
        except (DamagedFile, UnsupportedFile):
            log.warning("%s is damaged: starting from the beginning", path)
            return False
        return True

    def _resume_checkpoint(self, paths: Sequence[Path]) -> ResumeCheckpoint:
        """Return the resume checkpoint of files that are computed together."""
        key = " ".join(path.name for path in paths)
        return ResumeCheckpoint(self.folder / f"{paths[0].name}.begun", key, self.every_minutes)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other processes from writing here; wait for one that does.

        Raises:
            UserError: the folder is not writable.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                log.warning("waiting for another process that trains %s", self.description)
                lock.acquire()
        except OSError as error:
            hint = f": choose another folder with {self.option}=FOLDER" if self.option else ""
            raise UserError(
                f"cannot write {self.description} to {self.folder} ({error.strerror}){hint}"
            ) from error
        try:
            yield
        finally:
            lock.release()


def read_artifact(path: Path, remedy: str = "delete it to train it again") -> Content:
    """Return the content of a file; no code in it is executed.

    Args:
        path: the file.
        remedy: what the message suggests if the file is damaged.

    Raises:
        UserError: it is damaged, or cannot be read at the moment.
    """
    try:
        return read_tensors(path)
    except (DamagedFile, UnsupportedFile) as error:
        raise UserError(f"{error}: {remedy}") from error
