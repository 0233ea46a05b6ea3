"""Censoring of a folder of photographs into a folder of images."""

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

from privacy_gan.data.decoding import UndecodableImageError
from privacy_gan.data.image_writer import available_cores
from privacy_gan.data.release_format import ReleaseFormat, to_picture
from privacy_gan.errors import UserError
from privacy_gan.progress import progress_bar
from privacy_gan.release.censoring import FIT_MODES, Pixels, PreparedPhoto, prepare_photo
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.output_folder import (
    Manifest,
    SourceRecord,
    file_stamp,
    find_unrelated_files,
    lock_output,
    remove_outdated,
    require_empty_output,
    require_inside,
    require_separate,
)
from privacy_gan.release.photos import Photo, Skipped, find_photos
from privacy_gan.runs.files import PARTIAL_SUFFIX, atomic_write

ORIGINAL, MODEL = "original", "model"
CensorFunction = Callable[[Sequence[Pixels]], list[Pixels | None]]


@dataclass(frozen=True)
class ReleaseSettings:
    """How photographs are resized, censored and written.

    Args:
        image_size: side of the mechanism's input in pixels, S.
        fit: the part of a photograph that is censored: "whole" or "center".
        size: size of the written images: "original", as large as that part of the photograph, or
            "model", S by S pixels.
        format: file format of the written images.
        batch_size: number of images that are censored together.
        channels: of the mechanism's input, 3, or 1 for grey images.

    Raises:
        UserError: fit, size or batch_size is invalid.
    """

    image_size: int
    fit: str
    size: str
    format: ReleaseFormat
    batch_size: int
    channels: int = 3

    def __post_init__(self) -> None:
        """Check the settings."""
        choices = {"fit": FIT_MODES, "size": (ORIGINAL, MODEL)}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name}={getattr(self, name)} is unknown: choose {' or '.join(known)}"
                )
        if self.batch_size < 1:
            raise UserError(f"batch_size={self.batch_size} must be 1 or more")


@dataclass(frozen=True)
class ReleaseReport:
    """What happened to the files of a folder.

    Attributes:
        censored: number of images that this call wrote.
        already_censored: number of images that earlier calls wrote.
        recensored: number of images, counted in ``censored``, that replaced an earlier one because
            it may have been made from another photograph.
        skipped: photographs that were not censored, and why.
        non_images: files in the input folder that are not images.
        unrelated: files in the output folder that are not censored versions of the photographs.
    """

    censored: int
    already_censored: int
    recensored: int
    skipped: list[Skipped]
    non_images: list[Path]
    unrelated: list[Path]

    @property
    def counts(self) -> dict[str, int]:
        """The counts for the manifest."""
        return {
            "censored": self.censored + self.already_censored,
            "skipped": len(self.skipped),
            "other_files": len(self.non_images),
        }


def censor_folder(
    source: Path,
    output: Path,
    settings: ReleaseSettings,
    censor: CensorFunction,
    manifest: Manifest,
    overwrite: bool,
) -> ReleaseReport:
    """Censor all photographs of a folder that are not censored yet.

    Images are written atomically, so that the same call resumes after an interruption. An image is
    made again if its photograph has been replaced since.

    Args:
        source: folder of the photographs, which is not changed.
        output: folder of the censored images. The record next to it is the only other file written.
        settings: how photographs are resized and written.
        censor: maps images uint8 [S, S, 3] to censored ones, or to None where that fails.
        manifest: facts about the images.
        overwrite: whether to replace existing files.

    Raises:
        UserError: a folder is missing, the input has no photographs, or the output has other files.
        OSError: the output cannot be written.
    """
    require_separate(source, output)
    found = find_photos(source, settings.format.suffix)
    if not found.photos and not found.skipped:
        raise UserError(
            f"input={source} contains no photographs (JPEG, PNG or WebP); number of other files: "
            f"{len(found.non_images)}"
        )
    output.mkdir(parents=True, exist_ok=True)
    with lock_output(output):
        record = SourceRecord(output)
        is_resumed = manifest.matches(output)
        if is_resumed:
            for partial_file in output.rglob(f".*{PARTIAL_SUFFIX}"):  # of a process that was killed
                partial_file.unlink(missing_ok=True)
        elif not overwrite:
            require_empty_output(output)
        stamps = {each.target: file_stamp(source / each.name) for each in found.photos}
        current = {
            target
            for target, stamp in stamps.items()
            if is_resumed and record.is_current(target, stamp) and os.path.lexists(output / target)
        }
        new = {target: stamp for target, stamp in stamps.items() if target not in current}
        recensored = remove_outdated(new, output)
        manifest.write(output)  # only now: until here, images of another mechanism may be there
        record.add(new)
        remaining = [each for each in found.photos if overwrite or each.target in new]
        skipped = censor_photos(remaining, source, output, settings, censor)
        report = ReleaseReport(
            len(remaining) - len(skipped),
            len(found.photos) - len(remaining),
            recensored,
            [*found.skipped, *skipped],
            found.non_images,
            find_unrelated_files(output, stamps),
        )
        replace(manifest, finished=True, counts=report.counts).write(output)
    return report


def censor_photos(
    photos: Sequence[Photo],
    source: Path,
    output: Path,
    settings: ReleaseSettings,
    censor: CensorFunction,
) -> list[Skipped]:
    """Censor photographs in batches, and return those that cannot be censored.

    All cores read and write files.
    """
    skipped: list[Skipped] = []
    with (
        warnings.catch_warnings(),
        ThreadPool(available_cores()) as pool,  # daemon threads, which never delay an exit
        progress_bar("censoring", len(photos), " images") as advance,
    ):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size refuses these
        for start in range(0, len(photos), settings.batch_size):
            batch = photos[start : start + settings.batch_size]
            read = pool.map(partial(read_photo, source=source, settings=settings), batch)
            prepared = [
                (photo, each)
                for photo, each in zip(batch, read, strict=True)
                if isinstance(each, PreparedPhoto)
            ]
            censored = censor([each.pixels for _, each in prepared]) if prepared else []
            images = [(*pair, pixels) for pair, pixels in zip(prepared, censored, strict=True)]
            written = pool.starmap(partial(write_image, output=output, settings=settings), images)
            skipped += [each for each in (*read, *written) if isinstance(each, Skipped)]
            advance(len(batch))
    return skipped


def read_photo(photo: Photo, source: Path, settings: ReleaseSettings) -> PreparedPhoto | Skipped:
    """Read and prepare a photograph."""
    try:
        with open_regular_file(source / photo.name) as file:
            return prepare_photo(file, settings.image_size, settings.fit, settings.channels)
    except UndecodableImageError as error:
        return Skipped(photo.name, str(error))


def write_image(
    photo: Photo,
    prepared: PreparedPhoto,
    pixels: Pixels | None,
    output: Path,
    settings: ReleaseSettings,
) -> Skipped | None:
    """Write a censored image, or return why there is none.

    Raises:
        UserError: a link leads from its folder out of the output folder.
        OSError: it cannot be written.
    """
    if pixels is None:
        return Skipped(photo.name, "the mechanism returned values that are not finite")
    image = to_picture(pixels)
    if settings.size == ORIGINAL and image.size != prepared.size:
        image = image.resize(prepared.size, Image.Resampling.BICUBIC)
    path = output / photo.target
    require_inside(path, output)
    try:
        with atomic_write(path) as file:
            file.write_bytes(settings.format.encode(image))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return Skipped(photo.name, "its name is too long to be written")
    return None
