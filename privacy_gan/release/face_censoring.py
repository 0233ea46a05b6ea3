"""Censoring of the faces in photographs, where they are.

Faces are censored one after the other, each in the photograph as the one before left it. So no
patch, which contains what is around its face, can bring back what an overlapping one has censored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.image_files import to_channels
from privacy_gan.data.image_writer import available_cores
from privacy_gan.data.release_format import to_picture
from privacy_gan.detection.alignment import Pixels, Region
from privacy_gan.release.censoring import NOT_FINITE, refusing_unreadable
from privacy_gan.release.face_finding import FaceFinder
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.outcomes import FoundFace, Outcome, Released
from privacy_gan.release.output_folder import face_target, write_image
from privacy_gan.release.photos import Photo, Skipped
from privacy_gan.release.release_settings import BLUR, COPY, SKIP, ReleaseSettings
from privacy_gan.release.square_censoring import CensorFunction

NO_FACE = "no face was found in it: faceless=copy would copy it"


class FaceCensor:
    """Censors the faces in photographs. Each core works on another photograph. See PhotoCensor.

    Args:
        settings: what happens to faces and photographs.
        finder: finds faces.
        censor: maps images uint8 [S, S, C] to censored ones, or to None where that fails.
    """

    def __init__(
        self, settings: ReleaseSettings, finder: FaceFinder, censor: CensorFunction
    ) -> None:
        self.settings = settings
        self.finder = finder
        self.censor_squares = censor
        self._lock = threading.Lock()  # of the mechanism, which uses all cores by itself

    def censor(self, photos: Sequence[Photo], source: Path, output: Path) -> Iterator[Outcome]:
        """See PhotoCensor."""
        with ThreadPool(available_cores()) as pool:  # daemon threads, which never delay an exit
            yield from pool.imap(partial(self._censor, source=source, output=output), photos)

    def _censor(self, photo: Photo, source: Path, output: Path) -> Outcome:
        """Censor one photograph, or say why not."""
        try:
            with refusing_unreadable():
                with open_regular_file(source / photo.name) as file:
                    picture = decode(file)
                faces = self._find_faces(picture)
                pixels = np.array(picture)
                patches = self._censor_faces(pixels, faces)
        except UndecodableImageError as error:
            return Skipped(photo.name, str(error))
        images = [(photo.target, pixels)]
        if self.settings.writes_squares:
            targets = (face_target(photo.target, number) for number in count(1))
            images = list(zip(targets, patches, strict=False))
        for target, image in images:
            problem = write_image(to_picture(image), output, target, self.settings.format)
            if problem is not None:
                return Skipped(photo.name, problem)
        return Released(photo, tuple(found for _, found in faces))

    def _find_faces(self, picture: Image.Image) -> list[tuple[Region, FoundFace]]:
        """Return the faces in a photograph with the regions to change, those to censor first.

        Raises:
            UndecodableImageError: the photograph is not to be censored because of its faces.
        """
        settings = self.settings
        faces = self.finder.find(picture)
        unsure = [found for _, found in faces if found.problem is not None]
        if not faces and settings.faceless != COPY:
            raise UndecodableImageError(NO_FACE)
        none_is_left = settings.writes_squares and len(unsure) == len(faces)
        if unsure and (settings.unsure == SKIP or none_is_left):
            raise UndecodableImageError(f"{unsure[0].place} {unsure[0].problem}")
        return faces

    def _censor_faces(
        self, pixels: Pixels, faces: Sequence[tuple[Region, FoundFace]]
    ) -> list[Pixels]:
        """Censor the faces in a photograph. Changes ``pixels``.

        Returns:
            The censored squares, each uint8 [S, S, 3].

        Raises:
            UndecodableImageError: one is not finite.
        """
        patches = []
        for region, found in faces:
            if found.problem is None:
                patch = self._censor_square(region.cut_out(pixels, self.settings.image_size))
                region.paste(pixels, patch)
                patches.append(patch)
            elif self.settings.unsure == BLUR:
                region.paste(pixels, mean_colour(pixels, found))
        return patches

    def _censor_square(self, square: Pixels) -> Pixels:
        """Return a censored square, uint8 [S, S, 3].

        Raises:
            UndecodableImageError: it is not finite.
        """
        image = to_channels(Image.fromarray(square), self.settings.channels)
        with self._lock:
            (censored,) = self.censor_squares([image])
        if censored is None:
            raise UndecodableImageError(NOT_FINITE)
        return np.ascontiguousarray(np.broadcast_to(censored, square.shape))


def mean_colour(pixels: Pixels, found: FoundFace) -> Pixels:
    """Return one pixel [1, 1, 3] with the mean colour of a face's region."""
    corners = np.array(found.corners)
    height, width = pixels.shape[:2]
    left, top = corners.min(axis=0).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = corners.max(axis=0).astype(int).clip((left + 1, top + 1), (width, height))
    mean = pixels[top:bottom, left:right].mean(axis=(0, 1), keepdims=True)
    return np.asarray(np.rint(mean), dtype=np.uint8)
