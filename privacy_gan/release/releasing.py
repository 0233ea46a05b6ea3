"""A folder of photographs becomes a folder of censored images."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

from PIL import Image

from privacy_gan.data.decoding import UnreadablePhoto
from privacy_gan.data.image_writer import cores
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.progress import progress
from privacy_gan.release.file_kinds import opened
from privacy_gan.release.output_folder import (
    Manifest,
    Sources,
    locked,
    remove_old,
    require_apart,
    require_empty,
    require_within,
    stamp_of,
    strays_in,
)
from privacy_gan.release.photos import Photo, Skipped, photos_in
from privacy_gan.release.squares import FITS, Pixels, Square, read_square
from privacy_gan.runs.files import PARTIAL, replacing

ORIGINAL, MODEL = "original", "model"
Censor = Callable[[Sequence[Pixels]], list[Pixels | None]]


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
    censor: Censor,
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
    with locked(output):
        sources = Sources(output)
        is_own = about.made(output)
        if is_own:
            for half_written in output.rglob(f".*{PARTIAL}"):  # by a process that was killed
                half_written.unlink(missing_ok=True)
        elif not overwrite:
            require_empty(output)
        stamps = {each.target: stamp_of(source / each.name) for each in found.photos}
        sound = {
            target
            for target, stamp in stamps.items()
            if is_own and sources.has(target, stamp) and os.path.lexists(output / target)
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
            strays_in(output, stamps),
        )
        replace(about, finished=True, counts=released.counts).write(output)
    return released


def censor_all(
    photos: Sequence[Photo], source: Path, output: Path, how: Release, censor: Censor
) -> list[Skipped]:
    """Censor photographs in batches, read and written by all cores; return those that cannot be."""
    skipped: list[Skipped] = []
    with (
        warnings.catch_warnings(),
        ThreadPool(cores()) as pool,  # whose threads end with the command, whatever they wait for
        progress("censoring", len(photos), " images") as advance,
    ):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # these are refused
        for start in range(0, len(photos), how.batch_size):
            batch = photos[start : start + how.batch_size]
            read = pool.map(partial(read_photo, source=source, how=how), batch)
            pairs = zip(batch, read, strict=True)
            squares = [(photo, square) for photo, square in pairs if isinstance(square, Square)]
            censored = censor([square.pixels for _, square in squares]) if squares else []
            images = [(*pair, pixels) for pair, pixels in zip(squares, censored, strict=True)]
            written = pool.starmap(partial(write_image, output=output, how=how), images)
            skipped += [each for each in (*read, *written) if isinstance(each, Skipped)]
            advance(len(batch))
    return skipped


def read_photo(photo: Photo, source: Path, how: Release) -> Square | Skipped:
    """Return what is to be censored of a photograph."""
    try:
        with opened(source / photo.name) as file:
            return read_square(file, how.side, how.fit)
    except UnreadablePhoto as error:
        return Skipped(photo.name, str(error))


def write_image(
    photo: Photo, square: Square, pixels: Pixels | None, output: Path, how: Release
) -> Skipped | None:
    """Write a censored image, if there is one.

    Raises:
        UserError: its folder leads out of the output folder.
        OSError: it cannot be written.
    """
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
    return None
