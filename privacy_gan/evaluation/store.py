"""Files that are made once, under a lock, and found by later runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock, Timeout

from privacy_gan import replicas
from privacy_gan.errors import UserError
from privacy_gan.evaluation.bookmark import Bookmark, Content
from privacy_gan.runs.checkpoint import save
from privacy_gan.tensor_files import DamagedFile, ForeignFile, read_tensors

log = logging.getLogger(__name__)

Make = Callable[[Sequence[str], Bookmark], Mapping[str, Content]]


class Store:
    """A folder of files with tensors in them, which one run at a time fills.

    All processes of a run make what is missing, each a part; the first writes it.

    Args:
        folder: of the files.
        what: they hold, in words.
        option: that chooses another folder.
        every_minutes: time between two times that it is kept how far making them is.
    """

    def __init__(self, folder: Path, what: str, option: str, every_minutes: float) -> None:
        self.folder = folder
        self.what = what
        self.option = option
        self.every_minutes = every_minutes

    def get(self, files: Mapping[str, str], make: Make) -> dict[str, Content]:
        """Return the contents of files, making those that are missing.

        Args:
            files: their names in the folder, by any key.
            make: called with the keys of missing files, and with a bookmark of their own, returns
                their contents. What is empty is returned, but not kept.

        Raises:
            UserError: a file is damaged, or the folder cannot be written.
        """
        made: dict[str, Content] = {}
        if self.missing(files):
            with self.exclusive() if replicas.rank() == 0 else nullcontext():
                if missing := self.missing(files):  # another run may have made them
                    log.info("training %s, once for all runs: %s", self.what, ", ".join(missing))
                    made = replicas.divided(
                        missing, lambda some: make(some, self.bookmark([files[k] for k in some]))
                    )
                    if replicas.rank() == 0:
                        for key, content in made.items():
                            if content:
                                save(self.folder / files[key], content)
                            self.bookmark([files[key]]).remove()
                    replicas.wait_for_all()
        return {
            key: read(self.folder / name) if made.get(key, True) else {}
            for key, name in files.items()
        }

    def missing(self, files: Mapping[str, str]) -> list[str]:
        """Return the keys of files that do not exist, as the first process sees it."""
        return replicas.of_first(
            lambda: [key for key, name in files.items() if not (self.folder / name).exists()]
        )

    def bookmark(self, files: Sequence[str]) -> Bookmark:
        """Return the bookmark of files that are made together."""
        return Bookmark(self.folder / f"{files[0]}.begun", " ".join(files), self.every_minutes)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
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
            raise UserError(
                f"cannot write {self.what} to {self.folder} ({error.strerror}): choose another "
                f"folder with {self.option}=FOLDER"
            ) from error
        try:
            yield
        finally:
            lock.release()


def read(path: Path, remedy: str = "delete it to train it again") -> Content:
    """Return what a file holds; no code in it is executed.

    Args:
        path: the file.
        remedy: what to do where it is damaged.

    Raises:
        UserError: it is damaged, or cannot be read at the moment.
    """
    try:
        return read_tensors(path)
    except (DamagedFile, ForeignFile) as error:
        raise UserError(f"{error}: {remedy}") from error
