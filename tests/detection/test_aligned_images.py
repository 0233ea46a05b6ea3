"""The faces in the images of an audit, which adversaries see instead of the images."""

from dataclasses import dataclass

import numpy as np
import pytest
from benchmarks.photographs import draw_photograph
from PIL import Image

from privacy_gan.data.audit_data import AuditFiles, find_audit_images
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.detection.aligned_images import align_faces
from privacy_gan.detection.detector import Face, FaceDetector
from privacy_gan.detection.position import STANDARD
from privacy_gan.errors import UserError

SIZE = 32
COUNT = 110


@pytest.fixture
def folder(tmp_path):
    """Return a folder with originals, squeezed copies and labels."""
    for name in ("original", "censored"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        picture = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        picture = picture.resize((160, 120), Image.Resampling.BICUBIC)
        picture.save(tmp_path / f"original/{number:03}.png")
        picture.resize((80, 80)).save(tmp_path / f"censored/{number:03}.png")
    rows = [f"{number:03}.png,{number % 2},{number // 3}" for number in range(COUNT)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,light,person", *rows]))
    return tmp_path


@dataclass
class Planted:
    """A detector that finds two faces in the first image, none in the next, one in all others."""

    count: int = 0

    def detect(self, photo):
        self.count += 1
        assert photo.size == (160, 120)
        face = Face((50, 30, 90, 80), STANDARD.targets * 64 + (40, 20), 0.9)
        return {1: [face, face], 2: []}.get(self.count, [face])


def audit(folder, detector, monkeypatch, original="original"):
    monkeypatch.setattr("privacy_gan.detection.threads.available_cores", lambda: 1)
    original = folder / original if original else None
    files = AuditFiles(folder / "censored", folder / "labels.csv", original, person="person")
    audited = find_audit_images(files, "light", SIZE, 0, squeezed=False)
    return audited, align_faces(audited, STANDARD, detector, SIZE)


def test_faces_are_taken_from_the_same_place_in_originals_and_censored_images(folder, monkeypatch):
    audited, aligned = audit(folder, Planted(), monkeypatch)
    names = aligned.originals.files
    assert len(names) == COUNT - 1
    assert names[0] == "000.png"
    assert names[1] == "002.png"
    original = np.asarray(Image.open(folder / "original/002.png"))[20:84, 40:104]
    expected = Image.fromarray(original).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    seen = aligned.originals.images(1, 2)[0].astype(int)
    assert np.abs(seen - np.asarray(expected)).max() <= 1
    # the copies were squeezed into squares
    assert np.abs(aligned.censored.images(1, 2)[0].astype(int) - seen).mean() < 3
    kept = [0, *range(2, COUNT)]
    pairs = ((aligned.censored, audited.censored), (aligned.originals, audited.originals))
    for source, before in pairs:
        np.testing.assert_array_equal(source.attributes, before.attributes[kept])
        np.testing.assert_array_equal(source.splits, before.splits[kept])
        np.testing.assert_array_equal(source.person_ids, before.person_ids[kept])
    assert aligned.censored.cache_key() != audited.censored.cache_key()
    assert aligned.censored.content_key() != audited.censored.content_key()
    assert aligned.notes[-2:] == (
        f"excluded 1 image in {folder}/original in which no face was found, such as 001.png",
        "1 image with several faces: the largest is used",
    )
    assert not any("resized" in note for note in aligned.notes)


def test_too_few_faces_are_an_error_that_says_so(folder, monkeypatch):
    @dataclass
    class Blind:
        def detect(self, photo):
            return []

    with pytest.raises(UserError, match="has only 0 images with a face: an audit needs at least"):
        audit(folder, Blind(), monkeypatch, original=None)


def test_a_turned_face_is_brought_into_the_standard_position(folder, monkeypatch):
    face = SyntheticFacesSource(128, 1, 1, 1, seed=3).images(0, 1)[0]
    pixels, (square,) = draw_photograph(np.random.default_rng(5), [face], 320, 240)
    assert abs(np.angle(square.scale)) > 0.1
    detector = FaceDetector()
    (found,) = detector.detect(Image.fromarray(pixels))
    upright = STANDARD.fit(found.landmarks).cut_out(pixels, 128)
    (again,) = detector.detect(Image.fromarray(upright))
    np.testing.assert_allclose(again.landmarks / 128, STANDARD.targets, atol=0.06)
