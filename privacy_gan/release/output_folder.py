"""The folder of censored images: its lock, its manifest, and the record of its source photographs.

manifest.json is in the folder and may be shared with the images. The record of which file each
image was made from is next to the folder, not in it.

A photograph can be replaced by one that is older than the censored image, for example by a copy
that keeps its modification time. A file is therefore identified by its inode, its size, its
modification time and its change time (ctime), which no program can set.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL import Image

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import FolderLocked, UserError
from privacy_gan.release.outcomes import FoundFace
from privacy_gan.release.photos import escape_path
from privacy_gan.runs.files import atomic_write
from privacy_gan.runs.json_safe import json_safe

LOCK = ".lock"
MANIFEST = "manifest.json"
OWN_FILES = (LOCK, MANIFEST)
FACE_NAME = re.compile(r"(.+)\.face\d+(\.\w+)")  # see face_target
RECORD_SUFFIX = ".sources"  # is appended to the folder's name
NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
MANIFEST_VERSION = 1
MANIFEST_NOTE = (
    "The random numbers of each image (noise, the synthetic attribute) came from the operating "
    "system and were not stored: they would reveal more about the sensitive attribute than the "
    "images do."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """Facts about censored images that may be public.

    It contains neither s' nor the random numbers behind it, nor the name of any image.

    Attributes:
        model: the mechanism: its attribute, budget, training seed and so on.
        released: how photographs were resized and written.
        judged: the judge's result for the mechanism, by sensitive attribute.
        finished: whether all photographs were processed.
        counts: number of files by outcome.
        note: a note to readers of the file.
        version: version of the file's format.
    """

    model: dict[str, Any]
    released: dict[str, Any]
    judged: dict[str, Any]
    finished: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    note: str = MANIFEST_NOTE
    version: int = MANIFEST_VERSION

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder atomically."""
        with atomic_write(folder / MANIFEST) as file:
            file.write_text(json.dumps(json_safe(asdict(self)), indent=2) + "\n", encoding="utf-8")

    def matches(self, folder: Path) -> bool:
        """Return whether the images in a folder come from the same mechanism and settings.

        Raises:
            UserError: the folder's manifest is damaged.
        """
        path = folder / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            expected = json_safe({"model": self.model, "released": self.released})
            return bool({key: found[key] for key in expected} == expected)
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): choose another folder with output=FOLDER"
            ) from error


class SourceRecord:
    """The record next to an output folder of the file that each image was made from.

    A line for each photograph has its target and stamp, and, if faces were searched for, a further
    line the faces that were found. If the record cannot be read and written, a warning says so, and
    no image counts as current.

    Args:
        folder: the output folder.

    Raises:
        OSError: the record cannot be read or written for other reasons than permissions.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        self.path = folder.with_name(folder.name + RECORD_SUFFIX)
        self._stamps: dict[str, str] = {}
        self._faces: dict[str, tuple[FoundFace, ...]] = {}
        self._is_writable = True
        try:
            self._stamps, self._faces = read_record(self.path)
            self._write()  # to find out now whether that is possible
        except OSError as error:
            if error.errno not in NOT_PERMITTED:
                raise
            log.warning(
                "%s cannot be read and written (%s): it would record which photograph each image "
                "was made from; without it, the same command censors all photographs again",
                *(self.path, error.strerror),
            )
            self._stamps, self._faces, self._is_writable = {}, {}, False

    def is_current(self, target: Path, stamp: str | None) -> bool:
        """Return whether an image was made from the file with this stamp."""
        return stamp is not None and self._stamps.get(str(target)) == stamp

    def add(self, stamps: Mapping[Path, str | None]) -> None:
        """Record the source files of images. Call it before the images are written.

        Old images of these names must have been removed by then.

        Raises:
            OSError: the record cannot be written.
        """
        if self._is_writable:
            self._stamps |= {str(target): stamp for target, stamp in stamps.items() if stamp}
            for target in stamps:
                self._faces.pop(str(target), None)  # of the photograph that was there before
            self._write()

    def targets(self) -> list[Path]:
        """Return the targets of all photographs that were recorded."""
        return [Path(target) for target in self._stamps]

    def faces(self, target: Path) -> tuple[FoundFace, ...] | None:
        """Return the faces in the photograph of an image; None if they are not known."""
        return self._faces.get(str(target))

    def add_faces(self, target: Path, faces: tuple[FoundFace, ...]) -> None:
        """Record the faces in a photograph whose censored version is written.

        Raises:
            OSError: the record cannot be written.
        """
        self._faces[str(target)] = faces
        if self._is_writable:
            with self.path.open("a", encoding="ascii") as file:
                file.write(faces_line(str(target), faces))

    def _write(self) -> None:
        with atomic_write(self.path) as file:
            file.touch(mode=0o600)
            lines = [json.dumps(entry) + "\n" for entry in self._stamps.items()]
            lines += [faces_line(*entry) for entry in self._faces.items()]
            file.write_text("".join(lines), encoding="ascii")


def faces_line(target: str, faces: Iterable[FoundFace]) -> str:
    """Return the line of a record with the faces in a photograph."""
    return json.dumps([target, [asdict(face) for face in faces]]) + "\n"


def read_record(path: Path) -> tuple[dict[str, str], dict[str, tuple[FoundFace, ...]]]:
    """Return the stamps and the faces in a record by target. The last line of a target wins.

    Lines that a crash cut off are skipped.
    """
    stamps: dict[str, str] = {}
    faces: dict[str, tuple[FoundFace, ...]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return stamps, faces
    for line in lines:
        try:
            target, value = json.loads(line)
            if isinstance(value, list):
                faces[str(target)] = tuple(FoundFace.parse(face) for face in value)
            else:
                stamps[str(target)] = str(value)
        except (ValueError, TypeError, LookupError, AttributeError):
            continue
    return stamps, faces


def file_stamp(path: Path) -> str | None:
    """Return a text that changes whenever a file does, or None if the file cannot be examined."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def require_separate(source: Path, output: Path) -> None:
    """Raise UserError if there is no input, or the input and the output folder are not separate."""
    if source.is_file():
        if source.resolve().is_relative_to(output.resolve()):
            raise UserError(
                f"output={output} contains input={source}: choose an output folder elsewhere"
            )
        return
    if not source.is_dir():
        raise UserError(
            f"input={source} does not exist: give a photograph, or a folder of photographs"
        )
    resolved_source, resolved_output = source.resolve(), output.resolve()
    if resolved_source.is_relative_to(resolved_output) or resolved_output.is_relative_to(
        resolved_source
    ):
        raise UserError(
            f"output={output} and input={source}: one contains the other; choose an output "
            "folder elsewhere"
        )


@contextmanager
def lock_output(output: Path) -> Iterator[None]:
    """Hold the lock of an output folder.

    Raises:
        FolderLocked: another process holds it.
    """
    try:
        with FileLock(output / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise FolderLocked(
            f"another process is writing to output={output}: wait for it or stop it"
        ) from error


def require_empty_output(output: Path) -> None:
    """Raise UserError if a folder contains files, which could be taken for censored images."""
    first = next((path for path in output.iterdir() if path.name not in OWN_FILES), None)
    if first is not None or (output / MANIFEST).exists():
        name = escape_path(Path(MANIFEST if first is None else first.name))
        raise UserError(
            f"output={output} contains {name}, which another command made: choose an empty folder, "
            "or replace files of the same names with overwrite=true"
        )


def face_target(target: Path, number: int) -> Path:
    """Return the path of a single face, counted from 1, in the photograph with this target.

    No two photographs with different targets share one.
    """
    return target.with_name(f"{target.stem}.face{number}{target.suffix}")


def released_images(target: Path, faces: Iterable[FoundFace] | None) -> list[Path]:
    """Return the images that a photograph became, relative to the output folder.

    Args:
        target: path of the photograph's censored version.
        faces: the faces in it, if each that was censored is an image; None for a single image.
    """
    if faces is None:
        return [target]
    numbers = range(1, 1 + sum(face.problem is None for face in faces))
    return [face_target(target, number) for number in numbers]


def existing_images(
    output: Path, targets: Iterable[Path], writes_squares: bool
) -> dict[Path, list[Path]]:
    """Return the images of photographs that are in an output folder, relative to it.

    Args:
        output: the folder.
        targets: paths of the photographs' censored versions.
        writes_squares: whether each face is an image.
    """
    if not writes_squares:
        return {each: [each] if os.path.lexists(output / each) else [] for each in targets}
    existing: dict[Path, list[Path]] = {each: [] for each in targets}
    for path in sorted(output.rglob("*.face*")):
        if match := FACE_NAME.fullmatch(path.name):
            target = path.relative_to(output).with_name(match[1] + match[2])
            if target in existing:
                existing[target].append(path.relative_to(output))
    return existing


def remove_outdated(names: Iterable[Path], output: Path) -> None:
    """Remove images that are about to be made again.

    After an interruption, no old image must pass for the censored version of a new photograph.
    """
    for name in names:
        require_inside(output / name, output)
        (output / name).unlink()


def write_image(
    image: Image.Image, output: Path, target: Path, file_format: ReleaseFormat
) -> str | None:
    """Write an image into an output folder, or return why that is impossible.

    Raises:
        UserError: a link leads from its folder out of the output folder.
        OSError: it cannot be written.
    """
    path = output / target
    require_inside(path, output)
    try:
        with atomic_write(path) as file:
            file.write_bytes(file_format.encode(image))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return "its name is too long to be written"
    except MemoryError:
        return "it does not fit into memory"
    return None


def require_inside(path: Path, output: Path) -> None:
    """Raise UserError if a link leads from a path to a place outside of the output folder."""
    if not path.parent.resolve().is_relative_to(output.resolve()):
        raise UserError(f"{path.parent} is a link that leads out of output={output}: remove it")


def find_unrelated_files(output: Path, targets: Iterable[Path]) -> list[Path]:
    """Return the files in the output folder that are not censored versions of the photographs.

    Args:
        output: the folder.
        targets: the censored versions, relative to the folder.
    """
    expected = {*targets, *map(Path, OWN_FILES)}
    existing = (path.relative_to(output) for path in output.rglob("*") if not path.is_dir())
    return [path for path in existing if path not in expected]
