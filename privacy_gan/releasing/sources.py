"""Which file each censored image was made of, kept beside the output folder and not within it.

A photograph that is replaced under its name need not be newer than what was made of the first: it
may have been copied with its old time. So a file is known by its number on the disk, its size and
both of its times, the second of which says when it last changed or came there: no program sets it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

from privacy_gan.runs.files import replacing

SUFFIX = ".sources"  # follows the output folder's name
NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)

log = logging.getLogger(__name__)


def stamp_of(path: Path) -> str | None:
    """Return what tells a file from any other of its name; None where that cannot be told."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


class Sources:
    """The record of an output folder: stamps of photographs by the images that are made of them.

    Args:
        known: what the record holds.
        file: that more is appended to; None where it cannot be kept.
    """

    def __init__(self, known: Mapping[str, str], file: IO[str] | None) -> None:
        self._known = known
        self._file = file

    def has(self, target: Path, stamp: str | None) -> bool:
        """Tell whether an image was made of a file that has not changed since."""
        return stamp is not None and self._known.get(str(target)) == stamp

    def note(self, made: Mapping[Path, str | None]) -> None:
        """Write down what images are made of, before they are: none may be there by then.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is not None:
            for target, stamp in made.items():
                if stamp is not None:
                    print(line(str(target), stamp), file=self._file)
            self._file.flush()


@contextmanager
def sources_of(output: Path) -> Iterator[Sources]:
    """Open the record of an output folder; where it may not be written, say so and go on.

    Raises:
        OSError: it cannot be read or written.
    """
    path = record_of(output)
    try:
        known = read(path)
        file = rewritten(path, known)
    except OSError as error:
        if error.errno not in NOT_PERMITTED:
            raise
        log.warning(
            "%s cannot be read and written (%s), which would tell what the images were made of: "
            "if you repeat the command, it makes all of them again",
            *(path, error.strerror),
        )
        known, file = {}, None
    with file or nullcontext():
        yield Sources(known, file)


def rewritten(path: Path, known: Mapping[str, str]) -> IO[str]:
    """Write a record anew, without what its later lines made obsolete, and open it for more."""
    with replacing(path) as compact:
        compact.touch(mode=0o600)
        compact.write_text("".join(f"{line(*each)}\n" for each in known.items()))
    return path.open("a", encoding="ascii")


def record_of(output: Path) -> Path:
    """Return where the record of an output folder lies."""
    folder = output.resolve()
    return folder.with_name(folder.name + SUFFIX)


def line(target: str, stamp: str) -> str:
    """Return what is written of an image."""
    return json.dumps([target, stamp])


def read(path: Path) -> dict[str, str]:
    """Return what a record holds, the last of each image, without lines that a crash cut off."""
    known = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    for each in lines:
        try:
            target, stamp = json.loads(each)
        except (ValueError, TypeError):
            continue
        known[str(target)] = str(stamp)
    return known
