"""What is made of one face, and who thinks what of it."""

from contextlib import nullcontext
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch.optim import Adam
from toy_mechanisms import Halved, Lightened, SeesLight

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.evaluation.calibration import Calibration
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.saved_adversary import SavedAdversary
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.stack import Chain
from privacy_gan.release.face_predictions import (
    FIXED_CLASSIFIER,
    STRONGEST_ADVERSARY,
    Predictors,
    make_versions,
)
from privacy_gan.runs.result import Estimate

CPU = Compute(torch.device("cpu"), nullcontext)
PNG = ReleaseFormat.of("png")
GREY = torch.full((1, 3, 16, 16), 0.4)


def made(privatizer, form=PNG, seed=0):
    return make_versions(privatizer, GREY, form, CPU, seed)


def level(file):
    """Return how light a uniform picture is, 0 to 1."""
    (value,) = np.unique(np.asarray(Image.open(BytesIO(file))))
    return float(value) / 255


def test_there_is_one_version_for_each_value_and_noise_is_shared():
    for seed in range(8):
        versions = made(Lightened(), seed=seed)
        labels = [(each.label, each.synthetic, each.released) for each in versions.all]
        assert labels == [
            ("x", None, False),
            ("x'", None, False),
            ("x''", 0, True),
            ("x''", 1, True),
        ]
        x, filtered, zero, one = (level(each.file) for each in versions.all)
        assert x == pytest.approx(0.4, abs=1 / 255)
        assert filtered - x == pytest.approx(0, abs=1e-9) or filtered - x == pytest.approx(
            0.1, abs=1.5 / 255
        )
        assert zero == filtered
        assert one - zero == pytest.approx(0.2, abs=1.5 / 255)
        assert versions.drawn in (0, 1)


def test_seeds_draw_noise_and_value():
    drawn = {seed: made(Lightened(), seed=seed) for seed in range(16)}
    assert {each.drawn for each in drawn.values()} == {0, 1}
    assert len({each.all[1].file for each in drawn.values()}) == 2
    again = made(Lightened(), seed=3)
    assert [each.file for each in again.all] == [each.file for each in drawn[3].all]


def test_without_a_synthetic_value_the_last_one_is_handed_out():
    versions = made(Halved())
    assert [(each.label, each.released) for each in versions.all] == [("x", False), ("x'", True)]
    assert versions.drawn is None
    stacked = made(Chain([Halved(), Halved()], ["Smiling", "Young"]))
    assert [(each.label, each.released) for each in stacked.all] == [
        ("x", False),
        ("1 Smiling", False),
        ("2 Young", True),
    ]


def test_distortions_are_of_what_files_hold():
    squared = ((102 - 51) / 255) ** 2
    assert made(Halved()).distortions() == pytest.approx([0, squared])
    assert torch.equal(made(Halved()).images[1], torch.full((3, 16, 16), 51 / 255))


def test_what_is_handed_out_is_in_the_format_of_the_release():
    versions = made(Halved(), ReleaseFormat.of("jpeg-5"))
    assert [each.media_type for each in versions.all] == ["image/png", "image/jpeg"]
    assert [Image.open(BytesIO(each.file)).format for each in versions.all] == ["PNG", "JPEG"]


def test_adversaries_are_asked_of_what_is_handed_out_and_classifiers_of_everything():
    learner = Learner(SeesLight(), Recipe(Adam), column=0)
    adversary = SavedAdversary("light", learner, Calibration(1, (0, 0)), Estimate(0.7, 0.6, 0.8))
    yes = ("no", "yes")
    predictors = Predictors(
        {"A": yes, "B": yes, "C": yes}, {"B": SeesLight(), "A": SeesLight()}, {"A": adversary}
    )
    versions = made(Lightened())
    opinions = predictors.opinions(versions, ["A"], CPU)
    assert [(each.who, each.attribute, each.hidden) for each in opinions] == [
        (STRONGEST_ADVERSARY, "A", True),
        (FIXED_CLASSIFIER, "A", True),
        (FIXED_CLASSIFIER, "B", False),
    ]
    light = [level(each.file) for each in versions.all]
    assert opinions[0].probabilities[:2] == [None, None]
    for told, expected in zip(opinions[0].probabilities[2:], light[2:], strict=True):
        assert told == pytest.approx([1 - expected, expected], abs=1e-5)
    for told, expected in zip(opinions[1].probabilities, light, strict=True):
        assert told == pytest.approx([1 - expected, expected], abs=1e-5)
