"""Censoring of photographs as squares: the whole photograph, or the square in its middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from multiprocessing.pool import ThreadPool
from pathlib import Path

from PIL import Image

from privacy_gan.data.decoding import UndecodableImageError
from privacy_gan.data.image_writer import available_cores
from privacy_gan.data.release_format import to_picture
from privacy_gan.release.censoring import NOT_FINITE, Pixels, PreparedPhoto, prepare_photo
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.outcomes import Outcome, Released
from privacy_gan.release.output_folder import write_image
from privacy_gan.release.photos import Photo, Skipped
from privacy_gan.release.release_settings import ORIGINAL, ReleaseSettings

CensorFunction = Callable[[Sequence[Pixels]], list[Pixels | None]]


class SquareCensor:
    """Censors photographs in batches. All cores read and write files. See PhotoCensor.

    Args:
        settings: how photographs are resized and written.
        censor: maps images uint8 [S, S, C] to censored ones, or to None where that fails.
    """

    def __init__(self, settings: ReleaseSettings, censor: CensorFunction) -> None:
        self.settings = settings
        self.censor_squares = censor

    def censor(self, photos: Sequence[Photo], source: Path, output: Path) -> Iterator[Outcome]:
        """See PhotoCensor."""
        step = self.settings.batch_size
        with ThreadPool(available_cores()) as pool:  # daemon threads, which never delay an exit
            for start in range(0, len(photos), step):
                batch = photos[start : start + step]
                read = pool.map(partial(self._read, source=source), batch)
                squares = [each.pixels for each in read if isinstance(each, PreparedPhoto)]
                censored = chain(self.censor_squares(squares) if squares else ())
                tasks = [
                    (photo, each, next(censored) if isinstance(each, PreparedPhoto) else None)
                    for photo, each in zip(batch, read, strict=True)
                ]
                yield from pool.starmap(partial(self._write, output=output), tasks)

    def _read(self, photo: Photo, source: Path) -> PreparedPhoto | Skipped:
        """Read and prepare a photograph."""
        settings = self.settings
        try:
            with open_regular_file(source / photo.name) as file:
                return prepare_photo(file, settings.image_size, settings.fit, settings.channels)
        except UndecodableImageError as error:
            return Skipped(photo.name, str(error))

    def _write(
        self, photo: Photo, prepared: PreparedPhoto | Skipped, pixels: Pixels | None, output: Path
    ) -> Outcome:
        """Write a censored image, unless there is none."""
        if isinstance(prepared, Skipped):
            return prepared
        if pixels is None:
            return Skipped(photo.name, NOT_FINITE)
        image = to_picture(pixels)
        if self.settings.size == ORIGINAL and image.size != prepared.size:
            image = image.resize(prepared.size, Image.Resampling.BICUBIC)
        problem = write_image(image, output, photo.target, self.settings.format)
        return Released(photo) if problem is None else Skipped(photo.name, problem)
