"""Censoring of the faces in photographs, where they are.

Faces are censored one after the other, each in the photograph as the one before left it. So no
patch, which contains what is around its face, can bring back what an overlapping one has censored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.data.decoding import UndecodableImageError, decode
from privacy_gan.data.image_files import to_channels
from privacy_gan.data.image_writer import available_cores
from privacy_gan.data.release_format import to_picture
from privacy_gan.detection.alignment import Pixels, Square
from privacy_gan.detection.detector import Face, FaceDetector
from privacy_gan.detection.position import FacePosition
from privacy_gan.release.censoring import NOT_FINITE, refusing_unreadable
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.outcomes import FoundFace, Outcome, Released
from privacy_gan.release.output_folder import face_target, write_image
from privacy_gan.release.photos import Photo, Skipped
from privacy_gan.release.release_settings import BLUR, COPY, SKIP, ReleaseSettings
from privacy_gan.release.square_censoring import CensorFunction

SURE = 0.35  # confidence of a detection from which it is certainly a face
CUT_OFF = 0.1  # share of a face's box, in one direction, that lies outside of the photograph
LEAST_DETAIL = 0.5  # pixels of the photograph per pixel of the mechanism's input
BLURRED = 1.5  # side of the square that is blurred, over the longer side of the face's box


class FaceCensor:
    """Censors the faces in photographs. Each core works on another photograph. See PhotoCensor.

    Args:
        settings: what happens to faces and photographs.
        detector: finds faces.
        position: of the faces in the images that the mechanism was trained on.
        censor: maps images uint8 [S, S, C] to censored ones, or to None where that fails.
    """

    def __init__(
        self,
        settings: ReleaseSettings,
        detector: FaceDetector,
        position: FacePosition,
        censor: CensorFunction,
    ) -> None:
        self.settings = settings
        self.detector = detector
        self.position = position
        self.censor_squares = censor
        self._lock = threading.Lock()  # of the mechanism, which uses all cores by itself

    def censor(self, photos: Sequence[Photo], source: Path, output: Path) -> Iterator[Outcome]:
        """See PhotoCensor."""
        with ThreadPool(available_cores()) as pool:  # daemon threads, which never delay an exit
            yield from pool.imap(partial(self._censor, source=source, output=output), photos)

    def _censor(self, photo: Photo, source: Path, output: Path) -> Outcome:
        """Censor one photograph, or say why not."""
        try:
            with refusing_unreadable(), open_regular_file(source / photo.name) as file:
                picture = decode(file)
            with refusing_unreadable():
                return self._censor_faces(photo, picture, output)
        except UndecodableImageError as error:
            return Skipped(photo.name, str(error))

    def _censor_faces(self, photo: Photo, picture: Image.Image, output: Path) -> Outcome:
        settings = self.settings
        faces = find_faces(picture, self.detector, self.position, settings.image_size)
        unsure = [found for _, found in faces if found.problem is not None]
        if not faces and settings.faceless != COPY:
            return Skipped(photo.name, "no face was found in it: faceless=copy would copy it")
        if unsure and settings.unsure == SKIP:
            return Skipped(photo.name, f"{unsure[0].place} {unsure[0].problem}")
        pixels = np.array(picture)
        patches: list[Pixels] = []
        for square, found in faces:
            if found.problem is None:
                if (
                    patch := self._censor_square(square.cut_out(pixels, settings.image_size))
                ) is None:
                    return Skipped(photo.name, NOT_FINITE)
                patches.append(patch)
                square.paste(pixels, patch)
            elif settings.unsure == BLUR:
                square.paste(pixels, mean_colour(pixels, found))
        if settings.writes_squares and not patches:
            return Skipped(photo.name, f"{unsure[0].place} {unsure[0].problem}")
        images = (
            {face_target(photo.target, place): patch for place, patch in enumerate(patches, 1)}
            if settings.writes_squares
            else {photo.target: pixels}
        )
        for target, image in images.items():
            problem = write_image(to_picture(image), output, target, settings.format)
            if problem is not None:
                return Skipped(photo.name, problem)
        return Released(photo, tuple(found for _, found in faces))

    def _censor_square(self, square: Pixels) -> Pixels | None:
        """Return a censored square, uint8 [S, S, 3]; None if it is not finite."""
        image = to_channels(Image.fromarray(square), self.settings.channels)
        with self._lock:
            (censored,) = self.censor_squares([image])
        return None if censored is None else np.broadcast_to(censored, square.shape)


def find_faces(
    picture: Image.Image, detector: FaceDetector, position: FacePosition, image_size: int
) -> list[tuple[Square, FoundFace]]:
    """Return the faces in a photograph with the squares to change, those to censor first.

    The square of a face that cannot be censored is around its box: its landmarks may be wrong.
    """
    faces = []
    for face in detector.detect(picture):
        square = Square.fit(position.targets, face.landmarks)
        problem = find_problem(face, square, position, picture.size, image_size)
        if problem is not None:
            square = Square.around(face.box, BLURRED)
        corners = tuple((round(float(x), 1), round(float(y), 1)) for x, y in square.corners)
        faces.append((square, FoundFace(corners, round(square.side, 1), problem)))
    return sorted(faces, key=lambda each: each[1].problem is not None)


def find_problem(
    face: Face, square: Square, position: FacePosition, size: tuple[int, int], image_size: int
) -> str | None:
    """Return why a face cannot be censored reliably, or None.

    Args:
        face: the face.
        square: that is brought into the mechanism's position.
        position: of the faces that the mechanism was trained on.
        size: width and height of the photograph.
        image_size: side of the mechanism's input.
    """
    left, top, right, bottom = face.box
    outside_x = max(-left, right - size[0]) / (right - left)
    outside_y = max(-top, bottom - size[1]) / (bottom - top)
    if face.confidence < SURE:
        return f"may be none (confidence {face.confidence:.0%})"
    if max(outside_x, outside_y) > CUT_OFF:
        return "is cut off"
    if square.side < LEAST_DETAIL * image_size:
        return f"is too small for a mechanism that sees {image_size} pixels"
    if square.residual(position.targets, face.landmarks) > position.tolerance:
        return "is turned away, or unlike the training images"
    return None


def mean_colour(pixels: Pixels, found: FoundFace) -> Pixels:
    """Return one pixel [1, 1, 3] with the mean colour of a face's square."""
    corners = np.array(found.corners)
    height, width = pixels.shape[:2]
    left, top = corners.min(axis=0).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = corners.max(axis=0).astype(int).clip((left + 1, top + 1), (width, height))
    mean = pixels[top:bottom, left:right].mean(axis=(0, 1), keepdims=True)
    return np.asarray(np.rint(mean), dtype=np.uint8)
