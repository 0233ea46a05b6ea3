"""Censoring of the faces in photographs, where they are.

Faces are censored one after the other, each in the photograph as the one before left it. So no
patch, which contains what is around its face, can bring back what an overlapping one has censored.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.image_files import to_channels
from privacy_gan.data.release_format import to_picture
from privacy_gan.detection.alignment import Pixels
from privacy_gan.detection.threads import map_in_threads
from privacy_gan.release.censoring import NOT_FINITE, refusing_unreadable
from privacy_gan.release.face_finding import FaceFinder, LocatedFace
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.outcomes import Outcome, Released
from privacy_gan.release.output_folder import (
    released_images,
    remove_outdated,
    write_image,
)
from privacy_gan.release.photos import Photo, Skipped
from privacy_gan.release.release_settings import BLUR, COPY, SKIP, ReleaseSettings
from privacy_gan.release.square_censoring import CensorFunction

GREY = 128
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
        yield from map_in_threads(partial(self._censor, source=source, output=output), photos)

    def _censor(self, photo: Photo, source: Path, output: Path) -> Outcome:
        """Censor one photograph, or say why not."""
        try:
            with refusing_unreadable():
                with open_regular_file(source / photo.name) as file:
                    picture = decode(file)
                faces = self._find_faces(picture)
                images = self._censor_faces(np.array(picture), faces)
        except UndecodableImageError as error:
            return Skipped(photo.name, str(error))
        found = tuple(face.found for face in faces)
        targets = released_images(photo.target, found if self.settings.writes_squares else None)
        problem = None
        for target, image in zip(targets, images, strict=True):
            problem = problem or write_image(
                to_picture(image), output, target, self.settings.format
            )
        if problem is not None:
            remove_outdated([each for each in targets if os.path.lexists(output / each)], output)
            return Skipped(photo.name, problem)
        return Released(photo, found)

    def _find_faces(self, picture: Image.Image) -> list[LocatedFace]:
        """Return the faces in a photograph.

        Raises:
            UndecodableImageError: the photograph is not to be censored because of its faces.
        """
        settings, faces = self.settings, self.finder.find(picture)
        unsure = [face.found for face in faces if not face.is_sure]
        if not faces and settings.faceless != COPY:
            raise UndecodableImageError(NO_FACE)
        none_is_left = settings.writes_squares and len(unsure) == len(faces)
        if unsure and (settings.unsure == SKIP or none_is_left):
            raise UndecodableImageError(f"{unsure[0].place} {unsure[0].problem}")
        return faces

    def _censor_faces(self, pixels: Pixels, faces: Sequence[LocatedFace]) -> list[Pixels]:
        """Censor the faces in a photograph. Changes ``pixels``.

        Returns:
            The images to write: the photograph, or each face that was censored.

        Raises:
            UndecodableImageError: one is not finite.
        """
        if self.settings.unsure == BLUR:  # first, so that no square shows them
            cover_faces(pixels, [face for face in faces if not face.is_sure])
        sure = [face for face in faces if face.is_sure]
        if self.settings.writes_squares:
            return [self._censor_alone(pixels, face, sure) for face in sure]
        for face in sure:
            square = face.region.cut_out(pixels, self.settings.image_size)
            face.region.paste(pixels, self._censor_square(square))
        return [pixels]

    def _censor_alone(
        self, pixels: Pixels, face: LocatedFace, faces: Sequence[LocatedFace]
    ) -> Pixels:
        """Return the censored square of a face, in which all others are covered."""
        others = [each for each in faces if each is not face]
        shown = pixels.copy() if others else pixels
        cover_faces(shown, others)
        return self._censor_square(face.region.cut_out(shown, self.settings.image_size))

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


def cover_faces(pixels: Pixels, faces: Sequence[LocatedFace]) -> None:
    """Cover faces with grey: their own mean colour would tell something. Changes ``pixels``."""
    for face in faces:
        face.cover.paste(pixels, np.full((1, 1, 3), GREY, np.uint8))
