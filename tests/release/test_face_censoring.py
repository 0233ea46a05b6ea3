"""Faces are censored where they are, and what lies outside of their squares stays as it was."""

import json
import time
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from benchmarks.photographs import draw_background, draw_photograph
from negative_mechanism import MANIFEST, files, negative
from photographs import located, png_chunks
from PIL import Image

from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.detection.alignment import EDGE, Region
from privacy_gan.detection.detector import Face, FaceDetector
from privacy_gan.detection.position import FacePosition
from privacy_gan.errors import UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.noise import Noise
from privacy_gan.release.censoring import censor_images
from privacy_gan.release.face_censoring import FaceCensor
from privacy_gan.release.face_finding import FaceFinder
from privacy_gan.release.folder_censoring import censor_folder
from privacy_gan.release.release_settings import ReleaseSettings
from privacy_gan.release.salt import salted_seed

SIZE = 32  # of the mechanism's input
# of drawn faces, as measured
LANDMARKS = ((0.37, 0.484), (0.627, 0.484), (0.491, 0.625), (0.394, 0.738), (0.599, 0.738))
POSITION = FacePosition(LANDMARKS, 1.0, 0.03, 1, 1, "")


@dataclass
class Planted:
    """A detector that finds the same faces in every photograph."""

    faces: list[Face]

    def detect(self, photo):
        return self.faces


def planted(x, y, side, confidence=0.9, landmarks=POSITION.targets, outside=0.0):
    """Return a face in an upright square, which may reach beyond the photograph's left border."""
    corner = np.array([x - outside * side * 0.6, y])
    box = (*(corner + 0.2 * side), *(corner + 0.8 * side))
    return Face(box, corner + landmarks * side, confidence)


@dataclass
class Recorder:
    """A mechanism that remembers what it got."""

    mechanism: object = negative
    squares: list = field(default_factory=list)

    def __call__(self, images):
        self.squares += [image.copy() for image in images]
        return self.mechanism(images)


def censor(folder, detector, mechanism=negative, overwrite=False, channels=3, **changes):
    """Censor the photographs in folder/in into folder/out."""
    options = {"size": "original", "unsure": "blur", "faceless": "skip", **changes}
    png = ReleaseFormat.parse("png")
    settings = ReleaseSettings(
        SIZE, "faces", format=png, batch_size=1, channels=channels, **options
    )
    censor = FaceCensor(settings, FaceFinder(detector, POSITION, SIZE), mechanism)
    return censor_folder(folder / "in", folder / "out", settings, censor, MANIFEST, overwrite)


def write(folder, pixels, name="a.png"):
    (folder / "in").mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / "in" / name)
    return pixels


def read(path):
    return np.asarray(Image.open(path))


def depth(square, shape):
    """Return how deep each pixel is in a square, in sides; below 0 outside."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = (x + 1j * y - square.shift) / square.scale
    return np.min([inside.real, 1 - inside.real, inside.imag, 1 - inside.imag], axis=0)


def square_of(face):
    corners = np.array(face.corners) @ [1, 1j]
    return Region(complex(corners[1] - corners[0]), complex(corners[0]))


def background(width=200, height=150):
    return draw_background(np.random.default_rng(0), width, height)


def test_drawn_faces_are_censored_where_they_are_and_nothing_else_changes(tmp_path):
    faces = list(SyntheticFacesSource(128, 4, 1, 1, seed=3).images(0, 4))
    rng, detector = np.random.default_rng(1), FaceDetector()
    one, _ = draw_photograph(rng, faces[:1], 480, 360)
    three, true_squares = draw_photograph(rng, faces[1:], 640, 480)
    originals = {
        "one": write(tmp_path, one, "one.png"),
        "three": write(tmp_path, three, "three.png"),
    }
    write(tmp_path, background(), "none.png")
    report = censor(tmp_path, detector)
    found = {photo.name.stem: faces for photo, faces in report.faces.items()}
    assert {name: len(faces) for name, faces in found.items()} == {"one": 1, "three": 3}
    assert [str(each) for each in report.skipped] == [
        "none.png: no face was found in it: faceless=copy would copy it"
    ]
    squares = censor(tmp_path / "in/..", detector, size="model", overwrite=True)
    assert squares.censored == 2
    for name, original in originals.items():
        changed = read(tmp_path / f"out/{name}.png")
        depths = [depth(square_of(face), original.shape) for face in found[name]]
        outside = np.max(depths, axis=0) < -0.01
        np.testing.assert_array_equal(changed[outside], original[outside])
        for number, face in enumerate(found[name], 1):
            # the patch is what the mechanism makes of the square that was cut out
            square = square_of(face)
            patch = read(tmp_path / f"out/{name}.face{number}.png")
            expected = 255 - square.cut_out(original, SIZE).astype(int)
            assert np.abs(patch - expected).mean() < 1
            inner = slice(SIZE // 8, -SIZE // 8)
            again = square.cut_out(changed, SIZE).astype(int)
            assert np.abs(again - patch)[inner, inner].mean() < 6
    for true, face in zip(
        sorted(true_squares, key=lambda each: each.shift.real),
        sorted(found["three"], key=lambda face: face.corners[0][0]),
        strict=True,
    ):
        distance = np.abs((true.corners - face.corners) @ [1, 1j]).max()
        assert distance < 0.25 * true.width


def test_no_patch_brings_back_what_an_overlapping_one_has_censored(tmp_path):
    """A mechanism that blackens the middle of its input and returns the rest as it is."""
    write(tmp_path, np.full((150, 200, 3), 255, np.uint8))

    def blacken(images):
        censored = [image.copy() for image in images]
        for image in censored:
            image[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = 0
        return censored

    first, second = planted(40, 30, 64), planted(64, 40, 60)  # each shows the other's middle
    censor(tmp_path, Planted([first, second]), blacken)
    changed = read(tmp_path / "out/a.png")
    for x, y in ((72, 62), (94, 70)):  # the middles
        assert changed[y - 8 : y + 8, x - 8 : x + 8].max() < 30


def test_every_face_is_censored_by_itself_as_its_own_square(tmp_path):
    photo = write(tmp_path, background())
    recorder = Recorder()
    report = censor(tmp_path, Planted([planted(10, 20, 48), planted(100, 60, 64)]), recorder)
    assert [each.shape for each in recorder.squares] == [(SIZE, SIZE, 3)] * 2
    expected = [Region(48, 10 + 20j), Region(64, 100 + 60j)]
    for square, got in zip(expected, recorder.squares, strict=True):
        np.testing.assert_allclose(got, square.cut_out(photo, SIZE), atol=1)
    assert report.counts == {
        "censored": 1,
        "skipped": 0,
        "other_files": 0,
        "faces_censored": 2,
        "faces_unsure": 0,
        "photographs_without_faces": 0,
        "pixels_of_largest_face": 64,
    }


def test_a_mechanism_of_grey_images_gets_grey_squares(tmp_path):
    write(tmp_path, background())
    recorder = Recorder()
    censor(tmp_path, Planted([planted(10, 20, 48)]), recorder, channels=1)
    assert recorder.squares[0].shape == (SIZE, SIZE, 1)
    middle = read(tmp_path / "out/a.png")[44, 34]
    assert len(set(middle.tolist())) == 1


TURNED_AWAY = POSITION.targets * [0.4, 1] + [0.3, 0]
UNSURE = {
    "may not be a face (confidence 30%)": planted(60, 40, 64, confidence=0.3),
    "is cut off": planted(0, 40, 64, outside=1.0),
    "is too small for a mechanism that sees 32 pixels": planted(60, 40, 15),
    "is turned away, or unlike the training images": planted(60, 40, 64, landmarks=TURNED_AWAY),
}


@pytest.mark.parametrize("problem", UNSURE)
def test_faces_that_cannot_be_censored_are_reported_and_blurred(problem, tmp_path):
    photo = write(tmp_path, background())
    recorder = Recorder()
    report = censor(tmp_path, Planted([UNSURE[problem]]), recorder)
    ((face,),) = report.faces.values()
    assert face.problem == problem
    assert recorder.squares == []
    changed = read(tmp_path / "out/a.png")
    depths = depth(square_of(face), photo.shape)
    np.testing.assert_array_equal(changed[depths < 0], photo[depths < 0])
    covered = changed[depths > EDGE]
    assert len(np.unique(covered, axis=0)) == 1  # one colour: a weaker blur would leak
    left, top, right, bottom = UNSURE[problem].box
    centres = np.argwhere(depths > EDGE) + 0.5  # y, x
    for y, x in ((top + 1, max(left, 0) + 1), (bottom - 1, right - 1)):
        assert np.abs(centres - (y, x)).max(axis=1).min() < 1  # all of the face is covered
    assert report.counts["faces_unsure"] == 1
    assert report.counts["faces_censored"] == 0


@pytest.mark.parametrize("scale", [0.1, 30, np.nan, np.inf])
def test_landmarks_that_do_not_fit_the_box_are_a_problem(scale, tmp_path):
    photo = write(tmp_path, background())
    face = planted(60, 40, 64)
    middle = face.landmarks.mean(axis=0)
    odd = Face(face.box, middle + (face.landmarks - middle) * scale, 0.9)
    recorder = Recorder()
    report = censor(tmp_path, Planted([odd]), recorder)
    ((found,),) = report.faces.values()
    assert found.problem == "has landmarks that do not fit its box"
    assert recorder.squares == []
    assert (read(tmp_path / "out/a.png")[70:80, 90:95] != photo[70:80, 90:95]).any()


def test_squares_show_no_other_face(tmp_path):
    pixels = np.zeros((150, 200, 3), np.uint8)
    faces = [planted(20, 20, 80), planted(70, 20, 60), planted(60, 60, 60, confidence=0.3)]
    for value, face in zip((50, 150, 250), faces, strict=True):
        left, top, right, bottom = (round(each) for each in face.box)
        pixels[top:bottom, left:right] = value
    write(tmp_path, pixels)
    recorder = Recorder()
    censor(tmp_path, Planted(faces), recorder, size="model")
    first, second = recorder.squares
    assert not (np.abs(first.astype(int) - 150) < 5).any()
    assert not (first > 240).any()
    assert not (np.abs(second.astype(int) - 50) < 5).any()
    assert not (second > 240).any()


def test_unsure_faces_can_be_kept_or_their_photographs_skipped(tmp_path):
    photo = write(tmp_path, background())
    detector = Planted([planted(10, 20, 48), planted(120, 60, 12)])
    report = censor(tmp_path, detector, unsure="keep")
    assert report.counts["faces_unsure"] == 1
    changed = read(tmp_path / "out/a.png")
    np.testing.assert_array_equal(changed[:, 90:], photo[:, 90:])
    assert (changed != photo).any()
    report = censor(tmp_path, detector, unsure="skip", overwrite=True)
    assert report.censored == 0
    assert [str(each) for each in report.skipped] == [
        "a.png: the face around 126, 66, 11 pixels wide, is too small for a mechanism that sees 32 "
        "pixels"
    ]
    assert not (tmp_path / "out/a.png").exists()


def test_photographs_without_a_face_are_copied_only_if_asked(tmp_path):
    photo = write(tmp_path, background())
    report = censor(tmp_path, Planted([]))
    assert (report.censored, len(report.skipped)) == (0, 1)
    assert files(tmp_path / "out") == {"manifest.json", ".lock"}
    report = censor(tmp_path, Planted([]), faceless="copy", overwrite=True)
    assert report.counts["photographs_without_faces"] == 1
    np.testing.assert_array_equal(read(tmp_path / "out/a.png"), photo)


def test_a_mechanism_that_fails_writes_no_image(tmp_path):
    write(tmp_path, background())
    report = censor(tmp_path, Planted([planted(10, 20, 48)]), lambda images: [None for _ in images])
    assert "values that are not finite" in str(report.skipped[0])
    assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.parametrize("size", ["original", "model"])
def test_a_second_call_finds_nothing_to_do_and_reports_the_same_faces(size, tmp_path):
    write(tmp_path, background())
    write(tmp_path, background(300), "b.png")
    detector = Planted([planted(10, 20, 48), planted(120, 60, 40), planted(60, 90, 12)])
    first, recorder = censor(tmp_path, detector, size=size), Recorder()
    made = files(tmp_path / "out")
    squares = {f"{name}.face{number}.png" for name in "ab" for number in (1, 2)}
    expected = squares if size == "model" else {"a.png", "b.png"}
    assert made == expected | {"manifest.json", ".lock"}
    assert first.unrelated == []
    second = censor(tmp_path, detector, recorder, size=size)
    assert recorder.squares == []
    assert (second.censored, second.already_censored, second.recensored) == (0, 2, 0)
    assert second.faces == first.faces
    assert second.counts == first.counts
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["counts"] == first.counts
    # without the record of the faces, or one of the images, a photograph is censored again
    record = tmp_path / "out.sources"
    lines = record.read_text().splitlines()
    record.write_text("\n".join(line for line in lines if "corners" not in line or "b." in line))
    (tmp_path / "out" / min(expected - {"a.png"} - {"a.face1.png"} - {"a.face2.png"})).unlink()
    third = censor(tmp_path, detector, recorder, size=size)
    assert third.censored == 2
    assert files(tmp_path / "out") == made
    assert third.faces == first.faces


def test_a_photograph_that_is_replaced_has_no_squares_of_the_one_before(tmp_path):
    write(tmp_path, background())
    censor(tmp_path, Planted([planted(10, 20, 48), planted(120, 60, 40)]), size="model")
    write(tmp_path, background(210))
    report = censor(tmp_path, Planted([planted(30, 30, 50)]), size="model")
    assert (report.censored, report.recensored) == (1, 1)
    assert files(tmp_path / "out") == {"a.face1.png", "manifest.json", ".lock"}


def test_squares_of_an_earlier_photograph_are_removed_whatever_their_numbers(tmp_path):
    write(tmp_path, background())
    faces = [planted(10, 20, 48), planted(120, 60, 40), planted(120, 10, 40)]
    censor(tmp_path, Planted(faces), size="model")
    (tmp_path / "out/a.face1.png").unlink()  # as after an interruption
    write(tmp_path, background(210))
    report = censor(tmp_path, Planted(faces[:1]), size="model")
    assert report.unrelated == []
    assert files(tmp_path / "out") == {"a.face1.png", "manifest.json", ".lock"}


def test_originals_in_the_output_are_removed_or_reported(tmp_path):
    pixels = write(tmp_path, background())
    (tmp_path / "out").mkdir()
    for name in ("a.face2.png", "b.face1.png", "a.png"):
        Image.fromarray(pixels).save(tmp_path / "out" / name)
    report = censor(tmp_path, Planted([planted(10, 20, 48)]), size="model", overwrite=True)
    assert files(tmp_path / "out") >= {"a.face1.png", "b.face1.png", "a.png"}
    assert not (tmp_path / "out/a.face2.png").exists()
    assert {str(path) for path in report.unrelated} == {"b.face1.png", "a.png"}


@pytest.mark.parametrize("length", [236, 244, 251])  # of which parts of the names fit
def test_a_photograph_whose_squares_cannot_all_be_written_leaves_none(length, tmp_path):
    name = "x" * length
    write(tmp_path, background(), f"{name}.png")
    faces = [planted(10 + 12 * place, 20, 48) for place in range(10)]
    report = censor(tmp_path, Planted(faces), size="model")
    assert "its name is too long" in str(report.skipped[0])
    assert files(tmp_path / "out") == {"manifest.json", ".lock"}


def test_with_a_salt_the_same_photograph_is_always_censored_in_the_same_way(tmp_path):
    write(tmp_path, background())
    noise, compute = Noise(0.05), choose_compute("cpu", "32-true")
    noise.constant_strength = 0.2

    def release(salt):
        mechanism = partial(censor_images, noise, compute=compute, seed=salted_seed(salt))
        faces = [planted(10, 20, 48), planted(40, 30, 48), planted(120, 60, 64)]
        censor(tmp_path, Planted(faces), mechanism, overwrite=True)
        return (tmp_path / "out/a.png").read_bytes()

    assert release(b"a" * 32) == release(b"a" * 32) != release(b"b" * 32)


def test_many_photographs_at_once_are_not_mixed_up(tmp_path):
    rng = np.random.default_rng(0)
    photos = {f"{n:02}.png": background(200 + n) for n in range(12)}
    for number, (name, pixels) in enumerate(photos.items()):
        pixels[20:80, 30:90] = 20 * number
        write(tmp_path, pixels, name)
    active = []

    def slow(images):
        active.append(1)
        time.sleep(0.005 * rng.random())
        assert len(active) == 1  # the mechanism censors one square at a time
        active.pop()
        return negative(images)

    report = censor(tmp_path, Planted([planted(20, 10, 80)]), slow)
    assert (report.censored, report.skipped) == (12, [])
    for number, name in enumerate(photos):
        assert read(tmp_path / "out" / name)[50, 60].tolist() == [255 - 20 * number] * 3


@pytest.mark.parametrize("found", [[], [planted(10, 20, 48)]])
def test_no_metadata_is_written(found, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(background()).save(tmp_path / "in/a.jpg", exif=located(), comment=b"SECRET")
    censor(tmp_path, Planted(found), faceless="copy")
    content = (tmp_path / "out/a.png").read_bytes()
    assert b"SECRET" not in content
    assert set(png_chunks(content)) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unsure": "hide"}, "unsure=hide is unknown: choose blur, keep or skip"),
        ({"faceless": "keep"}, "faceless=keep is unknown: choose skip or copy"),
        ({"size": "model", "unsure": "keep"}, "size=model writes only faces that were censored"),
        ({"size": "model", "faceless": "copy"}, "size=model writes only faces that were censored"),
    ],
)
def test_unknown_and_contradictory_choices_are_refused(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        censor(tmp_path, Planted([]), **changes)
    with pytest.raises(UserError, match="unsure=keep has no effect with fit=whole"):
        ReleaseSettings(SIZE, "whole", "original", ReleaseFormat.parse("png"), 1, unsure="keep")
