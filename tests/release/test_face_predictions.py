"""The versions of one face, and the predictions from them."""

from contextlib import nullcontext
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch.optim import Adam
from toy_mechanisms import Brightener, BrightnessClassifier, Halver

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.saved_adversary import SavedAdversary
from privacy_gan.hardware import Compute
from privacy_gan.models.calibration import Calibration
from privacy_gan.privatizers.stack import Chain
from privacy_gan.release.face_predictions import (
    FIXED_CLASSIFIER,
    STRONGEST_ADVERSARY,
    Predictors,
    make_versions,
)
from privacy_gan.runs.estimate import Estimate

CPU = Compute(torch.device("cpu"), nullcontext)
PNG = ReleaseFormat.parse("png")
GREY = torch.full((1, 3, 16, 16), 0.4)


def versions_of_grey(privatizer, output_format=PNG, seed=0):
    return make_versions(privatizer, GREY, output_format, CPU, seed)


def brightness(file):
    """Return the brightness of a uniform image, 0 to 1."""
    (value,) = np.unique(np.asarray(Image.open(BytesIO(file))))
    return float(value) / 255


def test_there_is_one_output_for_each_synthetic_value_with_the_same_noise():
    for seed in range(8):
        versions = versions_of_grey(Brightener(), seed=seed)
        labels = [(each.label, each.synthetic, each.is_output) for each in versions.all]
        assert labels == [
            ("x", None, False),
            ("x'", None, False),
            ("x''", 0, True),
            ("x''", 1, True),
        ]
        x, filtered, zero, one = (brightness(each.file) for each in versions.all)
        assert x == pytest.approx(0.4, abs=1 / 255)
        assert filtered - x == pytest.approx(0, abs=1e-9) or filtered - x == pytest.approx(
            0.1, abs=1.5 / 255
        )
        assert zero == filtered
        assert one - zero == pytest.approx(0.2, abs=1.5 / 255)
        assert versions.sampled_value in (0, 1)


def test_the_seed_determines_noise_and_synthetic_value():
    by_seed = {seed: versions_of_grey(Brightener(), seed=seed) for seed in range(16)}
    assert {each.sampled_value for each in by_seed.values()} == {0, 1}
    assert len({each.all[1].file for each in by_seed.values()}) == 2
    again = versions_of_grey(Brightener(), seed=3)
    assert [each.file for each in again.all] == [each.file for each in by_seed[3].all]


def test_without_a_synthetic_value_the_last_version_is_the_output():
    versions = versions_of_grey(Halver())
    assert [(each.label, each.is_output) for each in versions.all] == [("x", False), ("x'", True)]
    assert versions.sampled_value is None
    stacked = versions_of_grey(Chain([Halver(), Halver()], ["Smiling", "Young"]))
    assert [(each.label, each.is_output) for each in stacked.all] == [
        ("x", False),
        ("1 Smiling", False),
        ("2 Young", True),
    ]


def test_distortions_are_measured_after_rounding():
    squared = ((102 - 51) / 255) ** 2
    assert versions_of_grey(Halver()).distortions() == pytest.approx([0, squared])
    assert torch.equal(versions_of_grey(Halver()).images[1], torch.full((3, 16, 16), 51 / 255))


def test_only_outputs_have_the_output_format():
    versions = versions_of_grey(Halver(), ReleaseFormat.parse("jpeg-5"))
    assert [each.media_type for each in versions.all] == ["image/png", "image/jpeg"]
    assert [Image.open(BytesIO(each.file)).format for each in versions.all] == ["PNG", "JPEG"]


def test_adversaries_see_only_outputs_and_classifiers_see_all_versions():
    learner = Learner(BrightnessClassifier(), Recipe(Adam), column=0)
    adversary = SavedAdversary(
        "light", learner, Calibration(1, (0, 0)), Estimate(0.7, 0.6, 0.8), True
    )
    yes = ("no", "yes")
    predictors = Predictors(
        {"A": yes, "B": yes, "C": yes},
        {"B": BrightnessClassifier(), "A": BrightnessClassifier()},
        {"A": adversary},
    )
    versions = versions_of_grey(Brightener())
    predictions = predictors.predict(versions, ["A"], CPU)
    assert [(each.predictor, each.attribute, each.is_sensitive) for each in predictions] == [
        (STRONGEST_ADVERSARY, "A", True),
        (FIXED_CLASSIFIER, "A", True),
        (FIXED_CLASSIFIER, "B", False),
    ]
    expected = [brightness(each.file) for each in versions.all]
    assert predictions[0].probabilities[:2] == [None, None]
    for found, value in zip(predictions[0].probabilities[2:], expected[2:], strict=True):
        assert found == pytest.approx([1 - value, value], abs=1e-5)
    for found, value in zip(predictions[1].probabilities, expected, strict=True):
        assert found == pytest.approx([1 - value, value], abs=1e-5)
