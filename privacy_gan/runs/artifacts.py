"""Artifacts: what takes long to make is made once, and kept in files that hold tensors.

What a process that is killed leaves behind, wherever it was:

- what it had finished is whole: every file appears at once, or not at all;
- what it was making is as far as its last resume state says, see ``ResumeState``: the same call
  goes on from there, if what decides how it turns out is still the same;
- its lock is gone with it, and no other process sees anything but finished files.
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

RESULTS = "made"  # in the resume state of a process that waits for others


@dataclass
class ResumeCheckpoint:
    """A file that says how far making something is.

    Args:
        path: the file.
        key: what decides how it turns out; what was kept under another key is not gone on from.
        every_minutes: time between two writes.
    """

    path: Path
    key: str
    every_minutes: float
    written_at: float = field(default_factory=time.monotonic)

    def read(self) -> Content | None:
        """Return what was kept, or None; no code in the file is executed.

        Raises:
            UserError: the file cannot be read at the moment; it is kept.
        """
        try:
            kept = read_tensors(self.path)
        except FileNotFoundError:
            return None
        except (DamagedFile, UnsupportedFile):
            log.warning("%s was damaged: what it was about begins again", self.path)
            return None
        content: Content | None = kept.get("content") if kept.get("key") == self.key else None
        return content

    def is_due(self) -> bool:
        """Tell whether the last write is long ago."""
        return time.monotonic() - self.written_at >= 60 * self.every_minutes

    def write(self, content: Content) -> None:
        """Keep this, whole or not at all, in place of what was kept before."""
        save_atomically(self.path, {"key": self.key, "content": content})
        self.written_at = time.monotonic()

    def remove(self) -> None:
        """Forget it, and how far a second attempt is."""
        self.path.unlink(missing_ok=True)
        self.again().path.unlink(missing_ok=True)

    def again(self) -> ResumeCheckpoint:
        """Return the state of a second attempt at the same, by those who failed."""
        return replace(self, path=self.path.with_name(f"{self.path.name}.again"))


# Called with the names of what is missing and their resume state, returns their contents.
Make = Callable[[Sequence[str], ResumeCheckpoint], Mapping[str, Content]]


class ArtifactCache:
    """A folder of artifacts, which one run at a time fills.

    All processes of a run make what is missing, each a part; the first keeps it.

    Args:
        folder: of the files.
        what: they hold, in words.
        every_minutes: time between two writes of a resume state.
        option: that chooses another folder, where all runs share this one; None where it is a run's
            own. A damaged file is refused where it is shared, and else made again; what is empty is
            tried again by the next run, and by no other call of the same one.
    """

    def __init__(
        self, folder: Path, what: str, every_minutes: float, option: str | None = None
    ) -> None:
        self.folder = folder
        self.what = what
        self.every_minutes = every_minutes
        self.option = option

    @property
    def is_shared(self) -> bool:
        """Whether all runs find what one of them made."""
        return self.option is not None

    def path(self, name: str, settings: str) -> Path:
        """Return the file of an artifact.

        Args:
            name: what tells it from others made in the same way.
            settings: what decides how it turns out, in any form that changes with it.
        """
        return self.folder / f"{name}-{short_hash(settings)}.pt"

    def get(self, paths: Mapping[str, Path], make: Make) -> dict[str, Content]:
        """Return artifacts, making those that are missing.

        Args:
            paths: their files, see ``path``, by any name.
            make: see ``Make``.

        Raises:
            UserError: a file is damaged, or the folder cannot be written.
        """
        made: dict[str, Content] = {}
        if self._missing(paths):
            with self._exclusive() if distributed.rank() == 0 else nullcontext():
                if missing := self._missing(paths):  # another run may have made them
                    if self.is_shared:
                        log.info(
                            "training %s, once for all runs: %s", self.what, ", ".join(missing)
                        )
                    made = distributed.scatter_work(
                        missing, lambda some: self._made(some, paths, make)
                    )
                    if distributed.rank() == 0:
                        self._keep(made, paths)
                    distributed.barrier()
        return {
            name: read_artifact(path) if name not in made or self._is_kept(made[name]) else {}
            for name, path in paths.items()
        }

    def _made(
        self, names: Sequence[str], paths: Mapping[str, Path], make: Make
    ) -> Mapping[str, Content]:
        """Return what this process makes; of several, each keeps its part until all are done."""
        state = self._state([paths[name] for name in names])
        found = state.read()
        if found is not None and RESULTS in found:
            made: Mapping[str, Content] = found[RESULTS]
            return made
        made = make(names, state)
        if distributed.world_size() > 1:
            state.write({RESULTS: dict(made)})
        return made

    def _keep(self, made: Mapping[str, Content], paths: Mapping[str, Path]) -> None:
        """Keep what was made, and forget how far that was."""
        for name, content in made.items():
            if self._is_kept(content):
                save_atomically(paths[name], content)
        for name in made:
            self._state([paths[name]]).remove()

    def _is_kept(self, content: Content) -> bool:
        """Tell whether something is kept: what is empty in a run's own cache alone."""
        return bool(content) or not self.is_shared

    def _missing(self, paths: Mapping[str, Path]) -> list[str]:
        """Return the names of files that there are not, as the first process sees it."""
        return distributed.broadcast_from_rank_zero(
            lambda: [k for k, path in paths.items() if not self._has(path)]
        )

    def _has(self, path: Path) -> bool:
        if self.is_shared or not path.exists():
            return path.exists()
        try:
            read_tensors(path, mmap=True)
        except (DamagedFile, UnsupportedFile):
            log.warning("%s was damaged: what it was about begins again", path)
            return False
        return True

    def _state(self, paths: Sequence[Path]) -> ResumeCheckpoint:
        """Return the resume state of files that are made together."""
        key = " ".join(path.name for path in paths)
        return ResumeCheckpoint(self.folder / f"{paths[0].name}.begun", key, self.every_minutes)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other processes from making files here; wait for one that does.

        Raises:
            UserError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                log.warning("waiting for another process that trains %s", self.what)
                lock.acquire()
        except OSError as error:
            elsewhere = f": choose another folder with {self.option}=FOLDER" if self.option else ""
            raise UserError(
                f"cannot write {self.what} to {self.folder} ({error.strerror}){elsewhere}"
            ) from error
        try:
            yield
        finally:
            lock.release()


def read_artifact(path: Path, remedy: str = "delete it to train it again") -> Content:
    """Return what a file holds; no code in it is executed.

    Args:
        path: the file.
        remedy: what to do where it is damaged.

    Raises:
        UserError: it is damaged, or cannot be read at the moment.
    """
    try:
        return read_tensors(path)
    except (DamagedFile, UnsupportedFile) as error:
        raise UserError(f"{error}: {remedy}") from error
