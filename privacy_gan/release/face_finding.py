"""The faces in a photograph: those that a mechanism can censor, and those that it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from privacy_gan.detection.alignment import Region
from privacy_gan.detection.detector import Face, FaceDetector
from privacy_gan.detection.position import FacePosition
from privacy_gan.release.face_position import load_position
from privacy_gan.release.outcomes import FoundFace
from privacy_gan.release.trained_model import TrainedModel

SURE = 0.35  # confidence of a detection from which it is certainly a face
CUT_OFF = 0.1  # share of a face's box, in one direction, that lies outside of the photograph
LEAST_DETAIL = 0.5  # pixels of the photograph per pixel of the mechanism's input
REGION_WIDTHS = (0.5, 5.0)  # range of a region's width, over the longer side of the face's box
COVER = 1.5  # side of the square that covers a face, over the longer side of its box


@dataclass(frozen=True)
class LocatedFace:
    """A face and what may be changed around it.

    Attributes:
        region: that is brought into the mechanism's position.
        cover: a square around its box, for a face that cannot be censored: its landmarks may be
            wrong.
        found: what is reported of it.
    """

    region: Region
    cover: Region
    found: FoundFace

    @property
    def is_sure(self) -> bool:
        """Whether the mechanism can censor it."""
        return self.found.problem is None


@dataclass(frozen=True)
class FaceFinder:
    """Finds the faces in photographs and the regions around them to change.

    Attributes:
        detector: finds faces.
        position: of the faces in the images that the mechanism was trained on.
        image_size: side of the mechanism's input in pixels.
    """

    detector: FaceDetector
    position: FacePosition
    image_size: int

    def find(self, picture: Image.Image) -> list[LocatedFace]:
        """Return the faces in an RGB photograph, the largest first."""
        return [self._locate(face, picture.size) for face in self.detector.detect(picture)]

    def _locate(self, face: Face, size: tuple[int, int]) -> LocatedFace:
        region, cover = self.position.fit(face.landmarks), Region.around(face.box, COVER)
        problem = find_problem(face, region, self.position, size, self.image_size)
        changed = region if problem is None else cover
        corners = tuple((round(float(x), 1), round(float(y), 1)) for x, y in changed.corners)
        return LocatedFace(region, cover, FoundFace(corners, round(changed.width, 1), problem))


def load_face_finder(trained: TrainedModel) -> FaceFinder:
    """Return what finds the faces in photographs for a mechanism.

    Raises:
        UserError: the detector is not installed, or it is not known where the mechanism has faces.
    """
    detector = FaceDetector()
    position = load_position(trained.path, trained.is_run, detector)
    return FaceFinder(detector, position, trained.privatizer.image_size)


def find_problem(
    face: Face, region: Region, position: FacePosition, size: tuple[int, int], image_size: int
) -> str | None:
    """Return why a face cannot be censored reliably, or None.

    Args:
        face: the face.
        region: the region in which it has the position that the mechanism was trained on.
        position: that position.
        size: width and height of the photograph.
        image_size: side of the mechanism's input.
    """
    left, top, right, bottom = face.box
    outside_x = max(-left, right - size[0]) / (right - left)
    outside_y = max(-top, bottom - size[1]) / (bottom - top)
    low, high = REGION_WIDTHS
    fits = low <= region.width / max(right - left, bottom - top) <= high
    centre = region.to_upright(complex(left + right, top + bottom) / 2)
    # written such that values that are not finite are problems, too
    if not face.confidence >= SURE:
        return f"may not be a face (confidence {face.confidence:.0%})"
    if not max(outside_x, outside_y) <= CUT_OFF:
        return "is cut off"
    if not (fits and 0 < centre.real < 1 and 0 < centre.imag < region.height):
        return "has landmarks that do not fit its box"
    if not region.width >= LEAST_DETAIL * image_size:
        return f"is too small for a mechanism that sees {image_size} pixels"
    if not region.residual(position.targets, face.landmarks) <= position.tolerance:
        return "is turned away, or unlike the training images"
    return None
