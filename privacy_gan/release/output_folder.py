"""The folder of censored images: who may write there, what made them, and of which photographs.

Inside lies manifest.json, which may be handed on with the images. Beside the folder, and not within
it, lies a record of which file each image was made of.

A photograph that is replaced under its name need not be newer than what was made of the first: it
may have been copied with its old time. So a file is known by its number on the disk, its size and
both of its times, the second of which says when it last changed or came there: no program sets it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from privacy_gan.errors import FolderTaken, UserError
from privacy_gan.release.photos import printable
from privacy_gan.runs.files import replacing
from privacy_gan.runs.result import json_safe

LOCK = ".lock"
MANIFEST = "manifest.json"
OWN = (LOCK, MANIFEST)
SOURCES = ".sources"  # follows the folder's name
NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
VERSION = 1
NOTE = (
    "What was random in each image (noise, the synthetic attribute) came from the operating "
    "system and was kept nowhere: whoever knew it would learn more about the sensitive attribute "
    "than the images tell."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What may be known of censored images; neither s', nor what drew it, nor any image's name.

    Attributes:
        model: which mechanism made them: its attribute, budget, the seed of its training, ...
        released: how photographs were fitted and written.
        judged: what the judge found of the mechanism, by hidden attribute.
        finished: whether all photographs were dealt with.
        counts: how many files were what.
        note: for whoever finds the file.
        version: of the file's format.
    """

    model: dict[str, Any]
    released: dict[str, Any]
    judged: dict[str, Any]
    finished: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    note: str = NOTE
    version: int = VERSION

    def write(self, folder: Path) -> None:
        """Write the file into a folder, whole or not at all."""
        with replacing(folder / MANIFEST) as file:
            file.write_text(json.dumps(json_safe(asdict(self)), indent=2) + "\n", encoding="utf-8")

    def made(self, folder: Path) -> bool:
        """Tell whether what lies in a folder was made by an earlier try of the same.

        Raises:
            UserError: the folder's manifest is damaged.
        """
        path = folder / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            own = json_safe({"model": self.model, "released": self.released})
            return bool({key: found[key] for key in own} == own)
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): choose another folder with output=FOLDER"
            ) from error


class Sources:
    """The record beside a folder: what tells photographs from others, by what is made of them.

    Where it may not be written, that is said, and nothing in the folder is known.

    Args:
        folder: of the censored images.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        self.path = folder.with_name(folder.name + SOURCES)
        self._known: dict[str, str] = {}
        self._is_kept = True
        try:
            self._known = stored(self.path)
            self._write()  # whether it can be is to be known before anything is made
        except OSError as error:
            if error.errno not in NOT_PERMITTED:
                raise
            log.warning(
                "%s cannot be read and written (%s), which would tell what the images were made "
                "of: if you repeat the command, it makes all of them again",
                *(self.path, error.strerror),
            )
            self._known, self._is_kept = {}, False

    def has(self, target: Path, stamp: str | None) -> bool:
        """Tell whether an image was made of a file that has not changed since."""
        return stamp is not None and self._known.get(str(target)) == stamp

    def note(self, made: Mapping[Path, str | None]) -> None:
        """Write down what images are made of, before they are: none may be there by then.

        Raises:
            OSError: it cannot be written.
        """
        if self._is_kept:
            self._known |= {str(target): stamp for target, stamp in made.items() if stamp}
            self._write()

    def _write(self) -> None:
        with replacing(self.path) as file:
            file.touch(mode=0o600)
            lines = [json.dumps(entry) + "\n" for entry in self._known.items()]
            file.write_text("".join(lines), encoding="ascii")


def stored(path: Path) -> dict[str, str]:
    """Return what a record holds, the last of each image, without lines that a crash cut off."""
    known = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            target, stamp = json.loads(line)
        except (ValueError, TypeError):
            continue
        known[str(target)] = str(stamp)
    return known


def stamp_of(path: Path) -> str | None:
    """Return what tells a file from any other of its name; None where that cannot be told."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def require_apart(source: Path, output: Path) -> None:
    """Refuse folders that are missing or lie within one another."""
    if not source.is_dir():
        raise UserError(f"input={source} is no folder: give the one that holds the photographs")
    within, without = source.resolve(), output.resolve()
    if within.is_relative_to(without) or without.is_relative_to(within):
        raise UserError(
            f"output={output} and input={source} lie within one another: choose an output elsewhere"
        )


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep others out of the folder."""
    try:
        with FileLock(output / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise FolderTaken(
            f"another process writes into output={output}: wait for it or stop it"
        ) from error


def require_empty(output: Path) -> None:
    """Refuse a folder that holds what might be taken for censored images and is not."""
    there = next((path for path in output.iterdir() if path.name not in OWN), None)
    if there is not None or (output / MANIFEST).exists():
        what = printable(Path(MANIFEST if there is None else there.name))
        raise UserError(
            f"output={output} holds {what}, which another command made: choose an empty folder, or "
            "replace what has the same name with overwrite=true"
        )


def remove_old(targets: Iterable[Path], output: Path) -> int:
    """Remove images that must be made again, and return their number.

    None is left that would be taken for one of the photograph that has its name now.
    """
    old = [output / target for target in targets if os.path.lexists(output / target)]
    for path in old:
        require_within(path, output)
        path.unlink()
    return len(old)


def require_within(path: Path, output: Path) -> None:
    """Refuse to touch what lies, by a link, outside of the folder."""
    if not path.parent.resolve().is_relative_to(output.resolve()):
        raise UserError(f"{path.parent} is a link that leads out of output={output}: remove it")


def strays_in(output: Path, targets: Iterable[Path]) -> list[Path]:
    """Return the files in the folder that no photograph became."""
    own = {*targets, *map(Path, OWN)}
    there = (path.relative_to(output) for path in output.rglob("*") if not path.is_dir())
    return [path for path in there if path not in own]
