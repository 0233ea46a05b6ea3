"""A folder of photographs becomes a folder of censored images."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

from filelock import FileLock, Timeout
from PIL import Image

from privacy_gan.data.decoding import UnreadablePhoto
from privacy_gan.data.image_writer import cores
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import FolderTaken, UserError
from privacy_gan.progress import progress
from privacy_gan.releasing import manifest
from privacy_gan.releasing.censoring import Pixels
from privacy_gan.releasing.kinds import SpecialFile, open_regular
from privacy_gan.releasing.manifest import Manifest
from privacy_gan.releasing.photos import Photo, PhotoFolder, Skipped, photos_in, printable
from privacy_gan.releasing.reading import FITS, Square, read_square
from privacy_gan.releasing.sources import sources_of, stamp_of
from privacy_gan.runs.files import PARTIAL, replacing

ORIGINAL, MODEL = "original", "model"
LOCK = ".lock"
OWN = (LOCK, manifest.NAME)


@dataclass(frozen=True)
class Release:
    """How photographs become files.

    Args:
        side: of the model's square, in pixels.
        fit: what of a photograph becomes the square: whole, center.
        size: of the file's image: "original", the size that the square had in the photograph, or
            "model", the square's.
        format: of the file.
        batch_size: images that are censored together.

    Raises:
        UserError: there is no such fit or size.
    """

    side: int
    fit: str
    size: str
    format: ReleaseFormat
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        choices = {"fit": FITS, "size": (ORIGINAL, MODEL)}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name}={getattr(self, name)} is unknown: there are {' and '.join(known)}"
                )
        if self.batch_size < 1:
            raise UserError(f"batch_size={self.batch_size} must be 1 or more")


@dataclass(frozen=True)
class Released:
    """What became of a folder.

    Attributes:
        censored: images that this try wrote.
        earlier: images that earlier tries had written.
        again: of the censored ones, those that were there, made of what is not known to be the same
            photograph.
        skipped: photographs that were not censored, and why.
        others: files that are no pictures.
        strays: files beside the censored images that were not made here.
    """

    censored: int
    earlier: int
    again: int
    skipped: list[Skipped]
    others: list[Path]
    strays: list[Path]

    @property
    def counts(self) -> dict[str, int]:
        """What the manifest says."""
        return {
            "censored": self.censored + self.earlier,
            "skipped": len(self.skipped),
            "other_files": len(self.others),
        }


def release(
    source: Path,
    output: Path,
    how: Release,
    censor: Callable[[Sequence[Pixels]], list[Pixels | None]],
    about: Manifest,
    overwrite: bool,
) -> Released:
    """Censor all photographs of a folder, or go on with it.

    Each censored image appears whole or not at all, so the same call goes on where it was ended.
    What was made of another file than has its name now is made again.

    Args:
        source: folder of the photographs; nothing in it is changed.
        output: folder of the censored images; nothing is written elsewhere but a record beside it.
        how: photographs become files.
        censor: squares uint8 [S, S, 3] to the same, censored; None where that fails.
        about: the images.
        overwrite: whether what is there already may be replaced.

    Raises:
        UserError: a folder is missing, empty, or holds what was not made here.
        OSError: the output cannot be written.
    """
    require_apart(source, output)
    found = photos_in(source, how.format.suffix)
    if not found.photos and not found.skipped:
        raise UserError(
            f"input={source} holds no photographs (JPEG, PNG or WebP); of other files it holds "
            f"{len(found.others)}"
        )
    output.mkdir(parents=True, exist_ok=True)
    with locked(output), sources_of(output) as sources:
        is_own = about.made(output)
        if is_own:
            remove_partial_files(output)
        elif not overwrite:
            require_empty(output)
        stamps = {each.target: stamp_of(source / each.name) for each in found.photos}
        sound = {
            target
            for target, stamp in stamps.items()
            if is_own and sources.has(target, stamp) and is_there(output / target)
        }
        new = {target: stamp for target, stamp in stamps.items() if target not in sound}
        again = remove_old(new, output)
        about.write(output)  # only now: until then what lies there is another mechanism's
        sources.note(new)
        todo = [each for each in found.photos if overwrite or each.target in new]
        skipped = censor_all(todo, source, output, how, censor)
        released = Released(
            len(todo) - len(skipped),
            len(found.photos) - len(todo),
            again,
            [*found.skipped, *skipped],
            found.others,
            strays_in(output, found),
        )
        replace(about, finished=True, counts=released.counts).write(output)
    return released


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
    """Keep others out of the output folder."""
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
    if there is not None or (output / manifest.NAME).exists():
        what = printable(Path((there or output / manifest.NAME).name))
        raise UserError(
            f"output={output} holds {what}, which another command made: choose an empty folder, or "
            "replace what has the same name with overwrite=true"
        )


def remove_partial_files(output: Path) -> None:
    """Remove what a killed process left half written."""
    for path in output.rglob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)


def remove_old(targets: Iterable[Path], output: Path) -> int:
    """Remove images that must be made again, and return their number.

    None is left that would be taken for one of the photograph that has its name now.
    """
    old = [output / target for target in targets if is_there(output / target)]
    for path in old:
        require_within(path, output)
        path.unlink()
    return len(old)


def require_within(path: Path, output: Path) -> None:
    """Refuse to touch what lies, by a link, outside of the output folder."""
    if not path.parent.resolve().is_relative_to(output.resolve()):
        raise UserError(f"{path.parent} is a link that leads out of output={output}: remove it")


def strays_in(output: Path, found: PhotoFolder) -> list[Path]:
    """Return the files in the output folder that no photograph became."""
    targets = {photo.target for photo in found.photos}
    there = (path.relative_to(output) for path in output.rglob("*") if not path.is_dir())
    return [path for path in there if path not in targets and str(path) not in OWN]


def is_there(path: Path) -> bool:
    """Tell whether something is at a path, be it a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def censor_all(
    photos: Sequence[Photo],
    source: Path,
    output: Path,
    how: Release,
    censor: Callable[[Sequence[Pixels]], list[Pixels | None]],
) -> list[Skipped]:
    """Censor photographs in batches, read and written by all cores; return those that cannot be."""
    skipped: list[Skipped] = []
    read = partial(read_photo, source=source, how=how)
    write = partial(write_image, output=output, how=how)
    with (
        warnings.catch_warnings(),
        ThreadPool(cores()) as pool,  # whose threads end with the command, whatever they wait for
        progress("censoring", len(photos), " images") as advance,
    ):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # these are refused
        for start in range(0, len(photos), how.batch_size):
            batch = photos[start : start + how.batch_size]
            squares = only(pool.map(read, batch), skipped)
            if squares:
                censored = censor([square.pixels for _, square in squares])
                only(pool.starmap(write, zip(squares, censored, strict=True)), skipped)
            advance(len(batch))
    return skipped


def only(
    found: Iterable[tuple[Photo, Square] | Skipped], skipped: list[Skipped]
) -> list[tuple[Photo, Square]]:
    """Return what was not skipped, and add the rest to a list."""
    kept = []
    for each in found:
        if isinstance(each, Skipped):
            skipped.append(each)
        else:
            kept.append(each)
    return kept


def read_photo(photo: Photo, source: Path, how: Release) -> tuple[Photo, Square] | Skipped:
    """Return what is to be censored of a photograph."""
    try:
        with open_regular(source / photo.name) as file:
            return photo, read_square(file, how.side, how.fit)
    except (UnreadablePhoto, SpecialFile) as error:
        return Skipped(photo.name, str(error))
    except OSError as error:
        return Skipped(photo.name, f"it cannot be read ({error.strerror})")


def write_image(
    of: tuple[Photo, Square], pixels: Pixels | None, output: Path, how: Release
) -> tuple[Photo, Square] | Skipped:
    """Write a censored image, if there is one.

    Raises:
        UserError: its folder leads out of the output folder.
        OSError: it cannot be written.
    """
    photo, square = of
    if pixels is None:
        return Skipped(photo.name, "the mechanism makes values of it that are not finite")
    image = Image.fromarray(pixels)
    if how.size == ORIGINAL and image.size != square.size:
        image = image.resize(square.size, Image.Resampling.BICUBIC)
    path = output / photo.target
    require_within(path, output)
    try:
        with replacing(path) as file:
            file.write_bytes(how.format.encode(image))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return Skipped(photo.name, "its name is too long to be written")
    return of
