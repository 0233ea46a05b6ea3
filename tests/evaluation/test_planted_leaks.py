"""The judge finds known leaks, and reports none where there is none."""

from contextlib import nullcontext

import pytest
import torch
from planted import (
    AtRandom,
    ChangedWithATrace,
    InOnePixel,
    InTheNoise,
    LightAndDark,
    OverManyQueries,
    adam,
    judge_in,
    scratch,
    small_network,
)

from privacy_gan.evaluation.adversaries import inversion
from privacy_gan.evaluation.learning import Recipe
from privacy_gan.evaluation.source import MechanismSource
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.identity import Identity

CPU = Compute(torch.device("cpu"), nullcontext)


@pytest.fixture(scope="module")
def folder(once):
    """Return the folder of fixed classifiers and references, which the first test trains."""
    return once("planted", lambda _: None)


@pytest.fixture(scope="module")
def data():
    module = LightAndDark()
    module.setup()
    return module


def judged(privatizer, data, folder, **settings):
    source = MechanismSource(privatizer, data, CPU)
    return judge_in(folder, **settings).judge(source, "Light", 0.01, 32).evaluation


def by_queries(evaluation, adversary="small"):
    return {a.queries: a.test for a in evaluation.adversaries if a.adversary == adversary}


def test_adversaries_learn_everything_from_uncensored_images(data, folder):
    found = judged(Identity(), data, folder)
    assert found.measures["privacy_loss"].censored.value > 0.99
    assert found.measures["privacy_loss"].original.value > 0.99
    assert found.measures["leaked_bits"].censored.value > 0.9
    assert found.measures["distortion"].censored.value == 0
    assert found.measures["ssim"].censored.value == pytest.approx(1)
    assert found.measures["psnr"].censored is None
    assert found.measures["frechet_distance"].censored.value == pytest.approx(0, abs=1e-4)
    # the images show s, and the s' to compare with is random
    success = found.measures["success_rate"].censored
    assert success.low < 0.5 < success.high
    assert found.measures["utility/Red"].censored == found.measures["utility/Red"].original


@pytest.mark.parametrize(("mechanism", "epochs"), [(InOnePixel, 12), (InTheNoise, 12)])
def test_an_attribute_hidden_in_one_pixel_or_in_the_noise_is_found(mechanism, epochs, data, folder):
    found = judged(mechanism(), data, folder, epochs=epochs)
    assert found.measures["privacy_loss"].censored.low > 0.9
    assert found.measures["leaked_bits"].censored.low > 0.5


def test_many_queries_find_a_leak_that_one_query_does_not_show(data, folder):
    found = judged(OverManyQueries(), data, folder, epochs=8)
    scores = by_queries(found)
    # one query is correct in 60 %, the majority of 16, with ties counting half, in 79 %
    assert scores[1]["accuracy"].value == pytest.approx(0.6, abs=0.08)
    assert scores[16]["accuracy"].value == pytest.approx(0.79, abs=0.07)
    assert scores[16]["leaked_bits"].low > scores[1]["leaked_bits"].high
    assert found.strongest["accuracy"].queries == 16


def test_no_leak_is_reported_for_a_random_replacement(data, folder):
    found = judged(AtRandom(), data, folder)
    accuracy = found.measures["privacy_loss"].censored
    assert accuracy.low < 0.53
    assert accuracy.value < 0.58
    assert found.measures["leaked_bits"].censored.low == 0
    assert found.measures["leaked_bits"].censored.value < 0.02
    assert found.measures["success_rate"].censored.value > 0.95


def test_inversion_recovers_the_attribute_from_traces_of_a_change(data, folder):
    def attack(**task):
        return inversion(network=small_network, recipe=Recipe(adam), **task)

    found = judged(ChangedWithATrace(), data, folder, adversaries={"inversion": attack})
    assert by_queries(found, "inversion")[1]["accuracy"].low > 0.9


def test_the_strongest_adversary_is_chosen_on_validation_images(data, folder):
    found = judged(OverManyQueries(), data, folder)
    for score, winner in found.strongest.items():
        valid = {a.queries: a.valid[score] for a in found.adversaries}
        assert valid[winner.queries] == max(valid.values())


def test_an_adversary_does_not_depend_on_the_other_adversaries(data, folder):
    alone = judged(InTheNoise(), data, folder, epochs=1, queries=[1])

    def attack(**task):
        return inversion(network=small_network, recipe=Recipe(adam), **task)

    both = judged(
        *(InTheNoise(), data, folder),
        epochs=1,
        queries=[1],
        adversaries={"inversion": attack, "small": scratch},
    )
    assert by_queries(alone) == by_queries(both)


def test_deterministic_mechanisms_are_queried_once(data, folder):
    found = judged(Identity(), data, folder, queries=[1, 4])
    assert {each.queries for each in found.adversaries} == {1}
    again = judged(AtRandom(), data, folder, queries=[1, 4])
    assert {each.queries for each in again.adversaries} == {1, 4}
