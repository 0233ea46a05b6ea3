"""judge=thorough: variants of the two best adversaries."""

import torch
from planted import InOnePixel, LightAndDark, judge_in, scratch, small_network
from test_learning import CPU

from privacy_gan.evaluation.adversaries import from_scratch
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.evaluation.variants import Variant

RATE = 3e-3


def adam(parameters):
    return torch.optim.Adam(parameters, lr=RATE)


def hopeless(**task):
    return from_scratch(small_network, Recipe(lambda w: torch.optim.SGD(w, lr=1e-9)), **task)


def test_a_variant_changes_the_learning_rate_and_the_augmentation():
    learner = Variant(lr_factor=3, augmented=True).create(
        from_scratch,
        network=small_network,
        recipe=Recipe(adam),
        num_classes=2,
        column=0,
        fixed=None,
    )
    learner.start_training()
    assert learner._learning_rates == [3 * RATE]
    assert learner.recipe.augmented


def test_variants_of_the_two_best_adversaries_compete(tmp_path):
    data = LightAndDark(train=128, valid=64, test=64)
    data.setup()
    judge = judge_in(
        tmp_path, 2, {"a": scratch, "bad": hopeless, "b": scratch}, resamples=20, queries=[1]
    )
    judge.variants = {"low_rate": Variant(0.3), "augmented": Variant(augmented=True)}
    found = judge.judge(MechanismSource(InOnePixel(), data, CPU), "Light", 0.01, 32).evaluation
    varied = {"a-low_rate", "a-augmented", "b-low_rate", "b-augmented"}
    assert varied <= {each.adversary for each in found.adversaries}
    assert found.curves["censored"].keys() >= varied
    assert not [name for name in found.curves["original"] if "-" in name]
