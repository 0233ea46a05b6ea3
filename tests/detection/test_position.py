"""Where training images have the landmarks of their faces."""

import json

import numpy as np
import pytest
from PIL import Image

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.detection.detector import FaceDetector
from privacy_gan.detection.position import FacePosition, measure_position
from privacy_gan.errors import UserError


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def test_the_mean_landmarks_of_drawn_faces_are_where_these_are_drawn(detector):
    faces = SyntheticFacesSource(64, 20, 1, 1, seed=5).images(0, 20)
    position = measure_position(list(faces), 1.0, detector)
    (left, right, nose, mouth_left, mouth_right) = position.targets
    assert (position.images, position.found) == (20, 20)
    # drawn faces are symmetric about the middle of the image, on average
    np.testing.assert_allclose(left[0] + right[0], 1, atol=0.04)
    np.testing.assert_allclose(mouth_left[0] + mouth_right[0], 1, atol=0.04)
    assert left[1] < nose[1] < mouth_left[1]
    assert 0.005 < position.tolerance < 0.05
    grey = [face.mean(axis=2, keepdims=True).astype(np.uint8) for face in faces]
    from_grey = measure_position(grey, 1.0, detector)
    np.testing.assert_allclose(from_grey.targets, position.targets, atol=0.02)
    assert FacePosition.parse(position.to_json()) == position


def test_squares_that_were_squeezed_from_rectangles_have_the_rectangles_shape(detector):
    faces = SyntheticFacesSource(64, 12, 1, 1, seed=5).images(0, 12)
    tall = [np.pad(face, ((10, 10), (0, 0), (0, 0)), mode="edge") for face in faces]
    squeezed = [np.asarray(Image.fromarray(each).resize((64, 64))) for each in tall]
    height = 84 / 64
    position = measure_position(squeezed, height, detector)
    upright = measure_position(list(faces), 1.0, detector)
    expected = (upright.targets * 64 + (0, 10)) / (64, 84)
    np.testing.assert_allclose(position.targets, expected, atol=0.02)
    assert position.tolerance == pytest.approx(upright.tolerance, rel=0.5)
    region = position.fit(upright.targets * 200 + (50, 90))
    np.testing.assert_allclose(region.corners[[0, 2]], [[50, 59], [250, 321]], atol=8)


def test_images_without_faces_are_refused(detector):
    noise = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(UserError, match="finds faces in only 0 of 4 training images: fit=faces"):
        measure_position(list(noise), 1.0, detector)


def changed(**changes):
    landmarks = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.4, 0.8], [0.6, 0.8]]
    fields = {
        "landmarks": landmarks,
        "height": 1.0,
        "tolerance": 0.1,
        "images": 9,
        "found": 8,
        "detector": "x",
    }
    return json.dumps({**fields, **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        changed(landmarks=[[0.3, 0.4]]),
        changed(landmarks=[[0.3, 0.4]] * 5),
        changed(landmarks=[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8], [float("nan"), 1]]),
        changed(landmarks=[[1e300, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8], [0.9, 1]]),
        changed(landmarks="abcde"),
        changed(tolerance=-1.0),
        changed(tolerance=float("inf")),
        changed(tolerance="wide"),
        changed(height=0.0),
        changed(surprise=1),
    ],
)
def test_damaged_files_are_refused(text):
    assert FacePosition.parse(changed()).found == 8
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        FacePosition.parse(text)
