"""Where the faces of training images have their landmarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageOps

from privacy_gan.detection.alignment import Floats, Pixels, Region
from privacy_gan.detection.detector import NUM_LANDMARKS, FaceDetector
from privacy_gan.detection.threads import map_in_threads
from privacy_gan.errors import UserError
from privacy_gan.progress import progress_bar

WIDTH, BORDER = 256, 64  # pixels; training images are enlarged and get a border
GREY = (128, 128, 128)
LEAST_FOUND = 0.5  # share of the images
TOLERANCE_QUANTILE, TOLERANCE_FACTOR = 0.95, 2.0


@dataclass(frozen=True)
class FacePosition:
    """The position of the faces in square images.

    Attributes:
        landmarks: means of x and y of the five landmarks, as shares of the image's sides.
        height: height over width of what the images were resized from, see ``Region``.
        tolerance: largest residual, see ``Region.residual``, of a face that looks like those: twice
            the 95% quantile of theirs.
        images: number of images that were searched.
        found: number of images in which a face was found.
        detector: hash of the detector's weights.
    """

    landmarks: tuple[tuple[float, float], ...]
    height: float
    tolerance: float
    images: int
    found: int
    detector: str

    @property
    def targets(self) -> Floats:
        """The landmarks as an array [5, 2]."""
        return np.array(self.landmarks)

    @classmethod
    def parse(cls, text: str) -> FacePosition:
        """Return the position in a JSON text.

        Raises:
            ValueError, TypeError, KeyError: it is damaged.
        """
        fields = json.loads(text)
        landmarks = np.array(fields.pop("landmarks"), dtype=np.float64)
        position = cls(tuple((float(x), float(y)) for x, y in landmarks), **fields)
        distinct = len({*position.landmarks}) == NUM_LANDMARKS == len(position.landmarks)
        if not distinct or not (np.abs(landmarks) < 10).all():
            raise ValueError("its landmarks are not five points near the unit square")
        for name in ("height", "tolerance"):
            number = getattr(position, name)
            if not (isinstance(number, float) and 0 < number < 10):
                raise ValueError(f"its {name} is not a positive number")
        return position

    def fit(self, landmarks: Floats) -> Region:
        """Return the region of a photograph in which landmarks [5, 2] have this position."""
        return Region.fit(self.targets, landmarks, self.height)

    def to_json(self) -> str:
        """Return the position as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


# A face from forehead to chin, for images of no mechanism of ours.
STANDARD = FacePosition(
    landmarks=((0.34, 0.42), (0.66, 0.42), (0.5, 0.61), (0.37, 0.72), (0.63, 0.72)),
    height=1.0,
    tolerance=0.1,
    images=0,
    found=0,
    detector=FaceDetector.weights,
)


def measure_position(
    images: Sequence[Pixels], height: float, detector: FaceDetector
) -> FacePosition:
    """Return where a detector finds the landmarks of faces in square images.

    Args:
        images: each uint8 [S, S, C].
        height: height over width of what they were resized from.
        detector: the detector.

    Raises:
        UserError: it finds faces in less than half of the images.
    """
    find = partial(find_landmarks, height=height, detector=detector)
    with progress_bar("finding faces in training images", len(images), " images") as advance:
        found = []
        for landmarks in map_in_threads(find, images):
            advance(1)
            if landmarks is not None:
                found.append(landmarks)
    if len(found) < LEAST_FOUND * len(images):
        raise UserError(
            f"the face detector finds faces in only {len(found)} of {len(images)} training images: "
            "fit=faces is for mechanisms that were trained on faces, one in each image; use "
            "fit=whole or fit=center"
        )
    mean = np.mean(found, axis=0)
    upright = [each * (1, height) for each in found]
    residuals = [Region.fit(mean, each, height).residual(mean, each) for each in upright]
    return FacePosition(
        tuple((float(x), float(y)) for x, y in mean),
        height,
        TOLERANCE_FACTOR * float(np.quantile(residuals, TOLERANCE_QUANTILE)),
        len(images),
        len(found),
        detector.weights,
    )


def find_landmarks(image: Pixels, height: float, detector: FaceDetector) -> Floats | None:
    """Return the landmarks [5, 2] of the largest face in a square image, as shares of its sides."""
    picture = Image.fromarray(image.squeeze()).convert("RGB")
    size = (WIDTH, round(WIDTH * height))
    framed = ImageOps.expand(picture.resize(size), BORDER, GREY)
    faces = detector.detect(framed, enlargement=1)
    return (faces[0].landmarks - BORDER) / size if faces else None
