"""Files that are made once, under a lock, and found by later runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from privacy_gan import replicas
from privacy_gan.errors import UserError
from privacy_gan.runs.files import replacing

log = logging.getLogger(__name__)

Content = dict[str, Any]


class Store:
    """A folder of files with tensors in them, which one run at a time fills.

    All processes of a run make what is missing, each a part; the first writes it.

    Args:
        folder: of the files.
        what: they hold, in words.
        option: that chooses another folder.
    """

    def __init__(self, folder: Path, what: str, option: str) -> None:
        self.folder = folder
        self.what = what
        self.option = option

    def get(
        self, files: Mapping[str, str], make: Callable[[Sequence[str]], Mapping[str, Content]]
    ) -> dict[str, Content]:
        """Return the contents of files, making those that are missing.

        Args:
            files: their names in the folder, by any key.
            make: called with the keys of missing files, returns their contents.

        Raises:
            UserError: a file is damaged, or the folder cannot be written.
        """
        if self.missing(files):
            with self.exclusive() if replicas.rank() == 0 else nullcontext():
                if missing := self.missing(files):  # another run may have made them
                    log.info("training %s, once for all runs: %s", self.what, ", ".join(missing))
                    made = replicas.divided(missing, make)
                    if replicas.rank() == 0:
                        for key, content in made.items():
                            self.write(files[key], content)
                    replicas.wait_for_all()
        return {key: read(self.folder / name) for key, name in files.items()}

    def missing(self, files: Mapping[str, str]) -> list[str]:
        """Return the keys of files that do not exist, as the first process sees it."""
        return replicas.of_first(
            lambda: [key for key, name in files.items() if not (self.folder / name).exists()]
        )

    def write(self, name: str, content: Content) -> None:
        """Write a file, whole or not at all."""
        serialized = BytesIO()  # torch, writing to a disk, does not say when the disk is full
        torch.save(content, serialized)
        with replacing(self.folder / name) as file:
            file.write_bytes(serialized.getbuffer())

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


def read(path: Path) -> Content:
    """Return what a file holds; no code in it is executed.

    Raises:
        UserError: it is damaged.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise UserError(f"{path} is damaged: delete it to train it again") from error
