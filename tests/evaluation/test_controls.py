"""Controls: a correct judge finds nothing in permuted labels, but finds planted leaks."""

import json
import os
import signal
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from planted import LightAndDark, judge_in, scratch
from torch import nn

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import SPLITS
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.evaluation import controls as controls_module
from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.censored_once import censor_once, permute_labels
from privacy_gan.evaluation.controls import ControlTrials, measure_controls
from privacy_gan.evaluation.halving import Limits
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.permutation_test import permutation_p_value, prediction_gains
from privacy_gan.evaluation.planting import (
    STRENGTH,
    class_patterns,
    informative_share,
    plant_leak,
    require_plantable,
)
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.identity import Identity
from privacy_gan.runs.artifacts import ResumeCheckpoint
from privacy_gan.runs.controls import Controls, PermutedLabels, PlantedLeaks
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation

CPU = Compute(torch.device("cpu"), nullcontext)


class Flat(LightAndDark):
    """Images of one random colour with little noise; "Light" is 1 in three quarters of them."""

    def open_table(self):
        rng = np.random.default_rng(0)
        splits = np.repeat(np.arange(3, dtype=np.uint8), self.counts)
        attributes = (rng.random((len(splits), 2)) < [0.75, 0.5]).astype(np.uint8)
        colours = rng.integers(0, 256, (len(splits), 1, 1, 3))
        noise = rng.integers(-5, 6, (len(splits), self.size, self.size, 3))
        images = (colours + noise).clip(0, 255).astype(np.uint8)
        return ImageTable(images, attributes, splits, self.attribute_names, "")


def source_of(data):
    data.setup()
    return MechanismSource(Identity(), data, CPU)


def linear(**task):
    """An adversary that is a logistic regression on pixels."""

    def network(num_classes):
        return Classifier(nn.Sequential(nn.Flatten(), nn.LayerNorm(768)), 768, num_classes)

    return from_scratch(network, Recipe(lambda each: torch.optim.Adam(each, lr=1e-2)), **task)


def attack_on(source, **factories):
    return Attack(source, "Light", [], {}, factories, 0, Limits(4), 32, [1])


@pytest.fixture(scope="module")
def light():
    return source_of(LightAndDark(train=256, valid=128, test=128))


def test_censored_once_keeps_images_labels_and_splits(light):
    data = censor_once(light, 100, seed=0)
    for split in SPLITS:
        assert len(data.rows(split)) == 100
    test = light.datamodule.rows("test")[:100]
    ours = data.gather(torch.from_numpy(data.rows("test")))
    original = light.datamodule.gather(torch.from_numpy(test))
    assert torch.equal(ours.images, original.images)
    assert torch.equal(ours.attributes, original.attributes)
    assert data.persons("valid") is None


def test_permuted_labels_keep_frequencies_and_other_attributes_but_say_nothing(light):
    data = censor_once(light, 1000, seed=0)
    permuted = permute_labels(data, "Light", seed=1)
    assert permuted.table.images is data.table.images
    for split in SPLITS:
        before, after = data.labels(split), permuted.labels(split)
        assert torch.equal(before[:, 1], after[:, 1])
        assert torch.equal(before[:, 0].sort().values, after[:, 0].sort().values)
        assert 0.3 < (before[:, 0] == after[:, 0]).double().mean() < 0.7
    assert not torch.equal(permute_labels(data, "Light", seed=2).labels("test"), after)


def test_the_share_of_informative_images_gives_the_size():
    assert informative_share(0.1, 0.5) == pytest.approx(0.2)  # 0.2 + 0.8 / 2 = 0.6
    assert informative_share(0.05, 0.75) == pytest.approx(0.2)  # 0.2 + 0.8 * 0.75 = 0.8
    assert informative_share(0.3, 0.75) is None
    assert informative_share(0, 0.5) is None


@pytest.mark.parametrize("size", [0.02, 0.05, 0.1])
def test_an_oracle_that_reads_the_pattern_is_as_accurate_as_the_size_says(size):
    data = censor_once(source_of(Flat(1000, 1000, 1000)), 1000, seed=0)
    majority = data.labels("test")[:, 0].double().mean().item()
    leaking = plant_leak(data, "Light", informative_share(size, majority), seed=3)
    change = leaking.table.images.astype(int) - data.table.images
    pattern = class_patterns(2, 16, 16)[1]
    correct = []
    for row in data.rows("test"):
        score = (change[row] * pattern[..., None]).sum()
        guess = 1 if score == 0 else int(score > 0)
        correct.append(guess == data.table.attributes[row, 0])
    assert np.mean(correct) - majority == pytest.approx(size, abs=2 / 1000)
    assert np.abs(change).max() == STRENGTH
    # whose windows are at different places
    assert len({tuple(np.argwhere(each.any(axis=2))[0]) for each in change if each.any()}) > 20


def test_informative_images_are_independent_of_the_label():
    data = censor_once(source_of(Flat(1000, 1000, 1000)), 1000, seed=0)
    leaking = plant_leak(data, "Light", 0.3, seed=3)
    changed = (leaking.table.images != data.table.images).any(axis=(1, 2, 3))
    for split in SPLITS:
        rows = data.rows(split)
        labels = data.table.attributes[rows, 0]
        shares = [changed[rows][labels == value].mean() for value in (0, 1)]
        assert shares == pytest.approx([0.3, 0.3], abs=0.005)


@pytest.mark.parametrize("classes", [2, 3, 5, 16])
def test_every_class_has_a_pattern_that_each_window_distinguishes(classes):
    patterns = class_patterns(classes, 32, 32)
    assert np.unique(np.abs(patterns)) == [STRENGTH]
    for left in range(17):
        shown = patterns[:, :16, left : left + 16].reshape(classes, -1)
        assert len(np.unique(shown, axis=0)) == classes


def test_p_values_of_predictions_without_and_with_information():
    labels = torch.arange(400) % 2
    constant = torch.full((400, 2), 0.5, dtype=torch.float64)
    gains = prediction_gains(constant.argmax(dim=1), constant.log())
    assert permutation_p_value(gains, labels, seed=0) == 1
    knowing = torch.where(labels[:, None] == torch.arange(2), 0.9, 0.1).double()
    gains = prediction_gains(knowing.argmax(dim=1), knowing.log())
    assert permutation_p_value(gains, labels, seed=0) == 2 / 10_000


def test_a_hand_worked_p_value():
    """Of the 6 labelings with two 1s among four images, one has every prediction right."""
    labels = torch.tensor([1, 1, 0, 0])
    gains = prediction_gains(labels, torch.zeros(4, 2).double())[:1]
    assert permutation_p_value(gains, labels, seed=0) == pytest.approx(1 / 6, abs=0.02)


def test_p_values_are_uniform_where_nothing_is_known():
    rng = torch.Generator().manual_seed(0)
    found = []
    for seed in range(40):
        labels = (torch.rand(50, generator=rng) < 0.7).long()
        known = torch.randn(50, 2, generator=rng).double().log_softmax(dim=1)
        gains = prediction_gains(known.argmax(dim=1), known)[1:]
        found.append(permutation_p_value(gains, labels, seed))
    assert 0.4 < np.mean(found) < 0.6
    assert sum(each <= 0.1 for each in found) <= 10


def test_a_control_passes_although_the_true_labels_are_visible(light):
    found = measure_controls(
        attack_on(light, small=scratch, other=scratch), ["small", "absent"], False, Bootstrap(50, 0)
    )
    assert found.images == {"train": 256, "valid": 128, "test": 128}
    (permuted,) = found.permuted
    assert permuted.adversary == "small"
    assert permuted.majority_baseline == pytest.approx(0.5, abs=0.1)
    assert permuted.accuracy.low < permuted.majority_baseline + 0.05
    assert found.failed == ()
    assert found.planted == ()


def test_a_judge_whose_adversaries_see_the_labels_fails(light, monkeypatch):
    """If labels are not permuted, the adversary sees them in the images."""
    monkeypatch.setattr(controls_module, "permute_labels", lambda data, *_: data)
    found = measure_controls(attack_on(light, small=scratch), ["small"], False, Bootstrap(50, 0))
    assert [each.adversary for each in found.failed] == ["small"]


def test_an_interrupted_control_resumes_exactly(light, tmp_path, monkeypatch):
    trials = ControlTrials(attack_on(light, small=scratch), ("small",), Bootstrap(50, 0))
    expected = trials.permute_labels(None)
    resume = ResumeCheckpoint(tmp_path / "resume.pt", "key", every_minutes=1e9)
    steps = []
    original = Learner.training_step

    def training_step(self, *arguments):
        steps.append(arguments)
        if len(steps) == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "training_step", training_step)
        with pytest.raises(Interrupted):
            trials.permute_labels(resume)
        assert trials.permute_labels(resume) == expected
    assert len(steps) < 50  # 20, and the rest of 38


def test_the_judge_runs_the_configured_controls(tmp_path):
    judge = judge_in(tmp_path, epochs=1, resamples=20, queries=(1,))
    judge.controls = ["small"]
    source = source_of(LightAndDark(train=64, valid=32, test=64))
    found = judge.judge(source, "Light", 0.01, 32).evaluation
    assert [each.adversary for each in found.controls.permuted] == ["small"]
    assert found.controls.failed == ()
    assert Evaluation.from_json(json.loads(json.dumps(asdict(found)))).controls == found.controls


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"controls": ["smal"]}, "smal is not among judge.adversaries"),
        ({"controls": [], "power": True}, "judge.power needs adversaries"),
    ],
)
def test_controls_that_cannot_run_are_refused(settings, message, tmp_path):
    judge = judge_in(tmp_path)
    arguments = {name: getattr(judge, name) for name in ("classifiers", "attributes", "queries")}
    numbers = {"seed": 0, "max_epochs": 1, "batch_size": 32, "resamples": 20}
    with pytest.raises(UserError, match=message):
        Judge(
            **arguments,
            **numbers,
            **settings,
            reference_settings={},
            adversaries={"small": scratch, "off": None},
        )


def test_leaks_are_planted_into_images_only(light):
    require_plantable(light.datamodule, "Light")
    toys = LightAndDark()
    toys.viewable = False
    with pytest.raises(UserError, match="plants patterns into images"):
        require_plantable(toys, "Light")


def test_there_is_no_control_without_adversaries(light):
    assert measure_controls(attack_on(light, small=scratch), [], True, Bootstrap(50, 0)) is None


@pytest.fixture(scope="module")
def flat():
    attack = attack_on(source_of(Flat(1200, 300, 800)), linear=linear)
    return replace(attack, limits=Limits(2))


def test_a_planted_leak_of_ten_points_is_found_and_one_of_none_is_not(flat):
    trials = ControlTrials(flat, ("linear",), Bootstrap(200, 0))
    permuted = permute_labels(trials.images, "Light", seed=5)
    leaking = plant_leak(permuted, "Light", informative_share(0.1, 0.75), seed=5)
    assert trials.is_found(trials.predict(leaking, 5, None), leaking)
    assert not trials.is_found(trials.predict(permuted, 5, None), permuted)


def test_power_counts_the_leaks_that_were_found_and_resumes(flat, monkeypatch):
    monkeypatch.setattr(controls_module, "REPETITIONS", 2)
    monkeypatch.setattr(controls_module, "SIZES", (0.001, 0.1, 0.3))
    saved = {}

    def get(name, make):
        if name not in saved:
            saved[name] = make(None)
        return saved[name]

    found = measure_controls(flat, ["linear"], True, Bootstrap(200, 0), get)
    # 30 points above a majority of 75% are not possible
    assert [(leaks.size, leaks.repetitions) for leaks in found.planted] == [(0.001, 2), (0.1, 2)]
    assert found.planted[1].found == 2
    assert found.planted[0].found < 2
    assert found.reliable_size == 0.1
    assert list(saved) == ["permuted-labels", "planted-leaks-0", "planted-leaks-1"]
    monkeypatch.setattr(controls_module, "censor_once", None)  # nothing is censored again
    assert measure_controls(flat, ["linear"], True, Bootstrap(200, 0), get) == found


def test_the_smallest_reliable_size_needs_all_larger_ones_to_be_found():
    def planted(*found):
        sizes = (0.02, 0.05, 0.1)
        return tuple(PlantedLeaks(*each, 10) for each in zip(sizes, found, strict=True))

    expected = {(3, 9, 10): 0.05, (9, 8, 10): 0.1, (10, 10, 10): 0.02, (10, 10, 8): None}
    for found, size in expected.items():
        assert Controls({}, (), planted(*found)).reliable_size == size


def test_several_adversaries_share_the_rate_of_false_alarms():
    def each(p_value):
        return PermutedLabels("a", Estimate(0.5, 0.4, 0.6), Estimate(0, 0, 0), 0.5, p_value)

    assert Controls({}, (each(0.001),)).failed == (each(0.001),)
    assert Controls({}, (each(0.001), each(0.5))).failed == ()
    assert Controls({}, (each(0.0005), each(0.5))).failed == (each(0.0005),)


def test_controls_are_read_as_they_were_written():
    permuted = PermutedLabels("a", Estimate(0.5, 0.4, 0.6), Estimate(0, 0, 0.1), 0.51, 0.7)
    controls = Controls({"test": 8}, (permuted,), (PlantedLeaks(0.02, 3, 10),))
    assert Controls.from_json(json.loads(json.dumps(asdict(controls)))) == controls
