"""The faces in labelled images, each brought into the same position, for adversaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_gan.data.audit_data import AuditImages, require_enough
from privacy_gan.data.decoding import UndecodableImageError
from privacy_gan.data.image_files import DamagedError, StoredImages, decode_image
from privacy_gan.data.labelled_images import LabelledImages
from privacy_gan.detection.alignment import Region
from privacy_gan.detection.detector import FaceDetector
from privacy_gan.detection.position import FacePosition
from privacy_gan.detection.threads import map_in_threads
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize
from privacy_gan.progress import progress_bar


@dataclass(frozen=True)
class LocatedFace:
    """The largest face in an image.

    Attributes:
        region: around it, in pixels.
        size: width and height of the image in which it was found, in pixels.
        is_single: whether it is the only face in the image.
    """

    region: Region
    size: tuple[int, int]
    is_single: bool


@dataclass(frozen=True)
class AlignedImages:
    """Stored images of which only the faces are read. See StoredImages.

    Attributes:
        path: the images' folder.
        stored: the images.
        faces: the face in each image, by the image's name.
        image_size: side of the squares that are read, in pixels.
    """

    path: Path
    stored: StoredImages
    faces: Mapping[str, LocatedFace]
    image_size: int

    def read(self, name: str) -> bytes:
        """Return an image's face as the content of a PNG file."""
        photo = decode_image(self.stored, name)
        face = self.faces[name]
        if photo.size != face.size:  # a tool may have resized or squeezed it
            photo = photo.resize(face.size, Image.Resampling.BICUBIC)
        file = BytesIO()
        square = face.region.cut_out(np.asarray(photo), self.image_size)
        Image.fromarray(square).save(file, format="PNG", compress_level=1)
        return file.getvalue()

    def signature(self, names: Sequence[str], with_times: bool) -> bytes:
        """See StoredImages."""
        regions = [self.faces[name].region for name in names]
        return self.stored.signature(names, with_times) + repr((self.image_size, regions)).encode()


def align_faces(
    audited: AuditImages, position: FacePosition, detector: FaceDetector, image_size: int
) -> AuditImages:
    """Return the largest face in each image of an audit; exclude images without one.

    Faces are searched for in the originals, if given: censored ones may not be found.

    Args:
        audited: the images.
        position: into which faces are brought.
        detector: finds them.
        image_size: side of the squares that adversaries see.

    Raises:
        UserError: an image is damaged, or there are too few with a face.
    """
    searched = audited.originals or audited.censored
    located = locate_faces(searched, position, detector)
    rows = [row for row, face in enumerate(located) if face is not None]
    require_enough(len(rows), str(searched.stored.path), "with a face")
    faces = [face for face in located if face is not None]
    notes = list(audited.notes)
    if missing := len(located) - len(rows):
        first = searched.files[located.index(None)]
        notes.append(
            f"excluded {pluralize(missing, 'image')} in {searched.stored.path} in which no face "
            f"was found, such as {first}"
        )
    if several := sum(not face.is_single for face in faces):
        notes.append(f"{pluralize(several, 'image')} with several faces: the largest is used")

    def align(source: LabelledImages) -> LabelledImages:
        names = tuple(source.files[row] for row in rows)
        by_name = dict(zip(names, faces, strict=True))
        return replace(
            source,
            stored=AlignedImages(source.stored.path, source.stored, by_name, image_size),
            files=names,
            attributes=source.attributes[rows],
            splits=source.splits[rows],
            key=None if source.key is None else f"{source.key}-faces",
            person_ids=None if source.person_ids is None else source.person_ids[rows],
        )

    originals = None if audited.originals is None else align(audited.originals)
    return replace(
        audited, censored=align(audited.censored), originals=originals, notes=tuple(notes)
    )


def locate_faces(
    images: LabelledImages, position: FacePosition, detector: FaceDetector
) -> list[LocatedFace | None]:
    """Return the largest face in each image; None where none is found."""
    locate = partial(locate_face, images=images, position=position, detector=detector)
    with progress_bar("finding faces", len(images.files), " images") as advance:
        located = []
        for face in map_in_threads(locate, images.files):
            located.append(face)
            advance(1)
    return located


def locate_face(
    name: str, images: LabelledImages, position: FacePosition, detector: FaceDetector
) -> LocatedFace | None:
    """Return the largest face in an image, or None.

    Raises:
        UserError: the image is damaged.
    """
    try:
        photo = decode_image(images.stored, name)
        faces = detector.detect(photo)
    except DamagedError as error:
        raise UserError(f"{error}: delete it to exclude it") from error
    except UndecodableImageError as error:
        raise UserError(f"{name} in {images.stored.path}: {error}") from error
    if not faces:
        return None
    return LocatedFace(position.fit(faces[0].landmarks), photo.size, len(faces) == 1)
