"""The strongest adversary trained on fewer images: its forecast for more, and the code length."""

import json
import math
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from privacy_gan.data.image_cache import ImageTable
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.adversaries import from_fixed_classifier, from_scratch
from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.data_scaling import SHARES, choose_winner, train_on_subsets
from privacy_gan.evaluation.halving import Limits
from privacy_gan.evaluation.judge import Judge
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.scaling_measures import (
    Resampled,
    measure_code_length,
    measure_scaling,
)
from privacy_gan.evaluation.source import FolderSource, original_images
from privacy_gan.evaluation.variants import Variant
from privacy_gan.hardware import Compute
from privacy_gan.runs.artifacts import ArtifactCache
from privacy_gan.runs.evaluation import RETRAINED, Evaluation
from privacy_gan.runs.json_safe import json_safe

CPU = Compute(torch.device("cpu"), nullcontext)
TRAIN, VALID, TEST = 1024, 512, 2048


class Numbers(TableDataModule):
    """Gaussian vectors; neighbouring values of s are ``distance`` standard deviations apart."""

    data_name = "numbers"
    attribute_names = ("s",)

    def __init__(self, distance, dimensions=4, values=2, train=TRAIN):
        super().__init__(batch_size=32, seed=0)
        self.distance, self.dimensions, self.values = distance, dimensions, values
        self.counts = (train, VALID, TEST)

    def content_key(self):
        return "0" * 16

    def classes(self, attribute):
        return tuple(map(str, range(self.values)))

    def open_table(self):
        rng = np.random.default_rng(0)
        total = sum(self.counts)
        labels = rng.integers(0, self.values, total)
        images = rng.standard_normal((total, 1, 1, self.dimensions))
        shifts = self.distance * (labels - (self.values - 1) / 2) / math.sqrt(self.dimensions)
        images += shifts[:, None, None, None]
        return ImageTable(
            images.astype(np.float32),
            labels.astype(np.uint8)[:, None],
            np.repeat(np.arange(3, dtype=np.uint8), self.counts),
            self.attribute_names,
            "",
        )


def mlp(dimensions, num_classes):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(dimensions, 16), nn.ReLU(), nn.Linear(16, num_classes)
    )


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-2)


def attack_on(data, **adversaries):
    data.setup()
    network = partial(mlp, data.dimensions)
    adversaries = adversaries or {"mlp": partial(from_scratch, network, Recipe(adam))}
    settings = (0, Limits(max_epochs=4), 32, [1])
    return Attack(original_images(data, CPU), "s", [], {}, adversaries, *settings)


def run(attack):
    """Return what the adversaries predict, and the smaller trainings."""
    outcomes = attack.run(list(attack.factories))
    probabilities = {name: outcome.probabilities for name, outcome in outcomes.items()}
    return probabilities, train_on_subsets(attack, probabilities, None)


def scaling_of(attack, resamples=200):
    probabilities, smaller = run(attack)
    full = probabilities[smaller.winner.adversary]
    return measure_scaling(attack, smaller, full, "done", Bootstrap(resamples, 0))


def test_more_images_help_where_much_is_to_be_learned():
    scaling = scaling_of(attack_on(Numbers(distance=1.5, dimensions=200)))
    assert [point.images for point in scaling.points] == [TRAIN // 4, TRAIN // 2, TRAIN]
    assert scaling.growing
    quarter, _, full = (point.accuracy.value for point in scaling.points)
    assert quarter < full
    forecast = scaling.forecast
    assert forecast.images == 10 * TRAIN
    bayes = 0.5 * math.erfc(-1.5 / 2 / math.sqrt(2))
    assert full < forecast.accuracy.high
    assert forecast.accuracy.low < bayes
    assert not scaling.done  # the small trainings ended after four epochs


def test_the_forecast_stays_where_there_is_nothing_more_to_learn():
    scaling = scaling_of(attack_on(Numbers(distance=1.5)))
    bayes = 0.5 * math.erfc(-1.5 / 2 / math.sqrt(2))
    accuracy = scaling.forecast.accuracy
    assert accuracy.low < bayes < accuracy.high
    assert accuracy.high - accuracy.low < 0.1
    assert scaling.points[-1].accuracy.value == pytest.approx(bayes, abs=0.03)


def test_without_a_leak_the_band_contains_guessing():
    scaling = scaling_of(attack_on(Numbers(distance=0)))
    assert not scaling.growing
    assert scaling.forecast.accuracy.low < 0.52
    assert scaling.forecast.bits.low < 0.02


def test_three_classes_have_a_forecast_in_bits_alone():
    scaling = scaling_of(attack_on(Numbers(distance=2, values=3)))
    assert scaling.forecast.accuracy is None
    assert 0 < scaling.forecast.bits.low < scaling.forecast.bits.high < math.log2(3)


@pytest.mark.parametrize(("values", "entropy"), [(2, 1), (3, math.log2(3))])
def test_the_code_length_is_the_entropy_without_a_leak_and_short_with_one(values, entropy):
    lengths = []
    for distance in (0, 30):
        attack = attack_on(Numbers(distance, values=values))
        lengths.append(measure_code_length(attack, run(attack)[1]))
    assert lengths[0].value == pytest.approx(entropy, abs=0.03)
    # the first quarter is coded without the images, the rest costs almost nothing
    assert lengths[1].value == pytest.approx(entropy / 4, abs=0.05)
    assert lengths[1].low < lengths[1].value < lengths[1].high


class Recording(nn.Module):
    """Remembers the images that it was trained on and those that it predicted."""

    def __init__(self, dimensions, num_classes):
        super().__init__()
        self.network = mlp(dimensions, num_classes)
        self.seen, self.predicted = set(), set()

    def forward(self, images):
        (self.seen if self.training else self.predicted).update(images[:, 0, 0, 0].tolist())
        return self.network(images)


def test_a_block_is_predicted_by_a_network_that_has_not_seen_it():
    recorded = []

    def recording(num_classes):
        recorded.append(Recording(4, num_classes))
        return recorded[-1]

    attack = attack_on(Numbers(distance=1), mlp=partial(from_scratch, recording, Recipe(adam)))
    _, smaller = run(attack)
    rows = attack.source.datamodule.table.images[:, 0, 0, 0]
    blocks = [set(rows[block].tolist()) for block in smaller.blocks]
    for network, seen, unseen in [
        (recorded[1], blocks[0], blocks[1]),
        (recorded[2], blocks[0] | blocks[1], blocks[2]),
    ]:
        assert network.seen == seen
        assert unseen <= network.predicted
        assert not network.predicted & network.seen


def test_the_winner_has_the_most_bits_on_validation_images_and_learned_from_scratch():
    attack = attack_on(Numbers(distance=1))
    labels = {split: attack.source.datamodule.labels(split)[:, 0] for split in ("valid", "test")}

    def right(split, share):
        found = torch.full((len(labels[split]), 2), 1 - share, dtype=torch.float64)
        return found.scatter(1, labels[split][:, None], share)[None]

    def adversary(valid, test):
        return {"valid": right("valid", valid), "test": right("test", test)}

    probabilities = {
        "weak": adversary(0.6, 0.9),
        "strong": adversary(0.8, 0.7),
        "pretrained": adversary(0.9, 0.9),
        "pretrained-fast": adversary(0.9, 0.9),
        "diverged": {},
        "stack": adversary(0.9, 0.9),
        RETRAINED: adversary(0.9, 0.9),
    }
    factories = dict.fromkeys(["weak", "strong", "diverged", RETRAINED], mlp)
    factories["pretrained"] = partial(from_fixed_classifier, Recipe(adam))
    factories["pretrained-fast"] = partial(Variant(2.0).create, factories["pretrained"])
    attack = replace(attack, factories=factories)
    assert choose_winner(attack, probabilities) == ("strong", 1)
    only = replace(attack, factories={"pretrained": factories["pretrained"]})
    assert choose_winner(only, probabilities) is None


@pytest.mark.parametrize("obstacle", [{"train": 120}, {"values": 40, "train": 200}])
def test_too_few_images_have_no_forecast(obstacle):
    attack = attack_on(Numbers(distance=1, **obstacle))
    assert run(attack)[1] is None


def test_trainings_vary_as_much_as_with_the_choice_of_600_test_images():
    rng = np.random.default_rng(0)
    # errors over 2,400 test images: 0.03 in common, 0.01 of each point
    samples = 0.03 * rng.standard_normal((20_000, 1)) + 0.01 * rng.standard_normal((20_000, 3))
    bits = Resampled(np.zeros(3), samples)
    added = bits.with_training_error(2400, seed=0).samples - samples
    assert np.cov(added, rowvar=False) == pytest.approx(0.02**2 * np.eye(3), abs=2e-5)


class Stopped(Exception):
    pass


def test_an_interrupted_judgement_does_not_repeat_a_finished_training(tmp_path):
    created = []

    def factory(stop=False, **task):
        created.append("network")
        if stop and len(created) == 2:
            raise Stopped
        return from_scratch(partial(mlp, 4), Recipe(adam), **task)

    attack = attack_on(Numbers(distance=1), mlp=partial(factory, stop=True))
    probabilities = {"mlp": attack_on(Numbers(distance=1)).run(["mlp"])["mlp"].probabilities}
    cache = ArtifactCache(tmp_path, "the judge's adversaries", 60)
    with pytest.raises(Stopped):
        train_on_subsets(attack, probabilities, cache, "key")
    attack = replace(attack, factories={"mlp": factory})
    created.clear()
    resumed = train_on_subsets(attack, probabilities, cache, "key")
    assert len(created) == 1
    direct = train_on_subsets(attack, probabilities, None)
    for share, other in zip(resumed.predictions, direct.predictions, strict=True):
        assert torch.equal(share["unseen"], other["unseen"])
        assert torch.equal(share["test"], other["test"])
    assert {path.name.split("-")[1] for path in tmp_path.glob("*.pt")} == {"data_scaling"}
    assert len(list(tmp_path.glob("*.pt"))) == len(SHARES)


def test_a_judgement_has_the_scaling_and_the_code_length_if_asked(tmp_path):
    data = Numbers(distance=1.5, train=256)
    data.setup()
    network = {"mlp": partial(from_scratch, partial(mlp, 4), Recipe(adam))}
    classifiers = FixedClassifiers(tmp_path, mlp, Recipe(adam), 1, 32, 0, settings="")
    settings = (classifiers, {}, ["s"], network, 0, 2, 32, [1], 20)
    evaluations = [
        Judge(*settings, data_scaling=asked)
        .judge(FolderSource(data, None, CPU), "s", None, 32)
        .evaluation
        for asked in (True, False)
    ]
    scaling = evaluations[0].data_scaling
    assert [point.images for point in scaling.points] == [64, 128, 256]
    bits = evaluations[0].measures["leaked_bits"].censored
    assert scaling.points[-1].bits.value == pytest.approx(bits.value)
    assert scaling.points[-1].accuracy == evaluations[0].measures["privacy_loss"].censored
    length = evaluations[0].measures["code_length"]
    assert 0.25 < length.censored.value < length.majority_baseline.value <= 1
    assert evaluations[1].data_scaling is None
    assert "code_length" not in evaluations[1].measures
    tree = json.loads(json.dumps(json_safe(asdict(evaluations[0]))))
    assert Evaluation.from_json(tree).data_scaling == scaling
