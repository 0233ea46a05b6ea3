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
BLURRED = 1.5  # side of the square that is blurred, over the longer side of the face's box


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

    def find(self, picture: Image.Image) -> list[tuple[Region, FoundFace]]:
        """Return the faces in an RGB photograph with their regions, those to censor first.

        The region of a face that cannot be censored is around its box: its landmarks may be wrong.
        """
        faces = []
        for face in self.detector.detect(picture):
            region = self.position.fit(face.landmarks)
            problem = find_problem(face, region, self.position, picture.size, self.image_size)
            if problem is not None:
                region = Region.around(face.box, BLURRED)
            corners = tuple((round(float(x), 1), round(float(y), 1)) for x, y in region.corners)
            faces.append((region, FoundFace(corners, round(region.width, 1), problem)))
        return sorted(faces, key=lambda each: each[1].problem is not None)


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
    if face.confidence < SURE:
        return f"may be none (confidence {face.confidence:.0%})"
    if max(outside_x, outside_y) > CUT_OFF:
        return "is cut off"
    if region.width < LEAST_DETAIL * image_size:
        return f"is too small for a mechanism that sees {image_size} pixels"
    if region.residual(position.targets, face.landmarks) > position.tolerance:
        return "is turned away, or unlike the training images"
    return None
