"""The stack combines adversaries, is fitted on validation images and does no harm."""

import math

import pytest
import torch

from privacy_gan.evaluation import stack
from privacy_gan.evaluation.stack import (
    FOLDS,
    assign_folds,
    fit_weights,
    stacked_features,
    with_stack,
)
from privacy_gan.runs.evaluation import STACK

VALID, TEST = 2000, 20_000
BOTH = VALID + TEST


def binary(log_odds):
    """Return probabilities [N, 2] of log-odds [N]."""
    return torch.stack([-log_odds, log_odds], dim=1).div(2).softmax(dim=1).double()


def split(*members):
    """Return members' probabilities [N, C], of one query, by name and split."""
    return {
        str(index): {"valid": each[None, :VALID], "test": each[None, VALID:]}
        for index, each in enumerate(members)
    }


def bits(probabilities, labels):
    """Return the bits that predictions know about labels of two equally frequent classes."""
    chosen = probabilities.gather(1, labels[:, None]).clamp_min(1e-12)
    return 1 + float(chosen.log2().mean())


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def informed(labels, rng, strength=1.0):
    """Return the true log-odds of a signal with normal noise, [N]."""
    signal = strength * (2 * labels - 1) / 2 + torch.randn(len(labels), generator=rng)
    return strength * signal


def test_useless_members_cost_less_than_a_hundredth_of_a_bit(rng):
    labels = torch.randint(2, (BOTH,), generator=rng)
    useful = binary(informed(labels, rng))
    useless = [binary(torch.randn(BOTH, generator=rng)) for _ in range(9)]
    found = with_stack(split(useful, *useless), labels[:VALID], None, 0)[STACK]
    for part, truth in (("valid", labels[:VALID]), ("test", labels[VALID:])):
        alone = bits(useful[:VALID] if part == "valid" else useful[VALID:], truth)
        assert bits(found[part][0], truth) > alone - 0.01


def test_overconfidence_of_a_useless_member_does_no_harm(rng):
    labels = torch.randint(2, (BOTH,), generator=rng)
    useful = binary(informed(labels, rng))
    sure = binary(20 * torch.randn(BOTH, generator=rng))
    found = with_stack(split(useful, sure), labels[:VALID], None, 0)[STACK]["test"][0]
    assert bits(found, labels[VALID:]) > bits(useful[VALID:], labels[VALID:]) - 0.01


def test_two_halves_of_the_evidence_are_added(rng):
    labels = torch.randint(2, (BOTH,), generator=rng)
    first, second = informed(labels, rng), informed(labels, rng)
    found = with_stack(split(binary(first), binary(second)), labels[:VALID], None, 0)[STACK]
    truth = labels[VALID:]
    both = bits(binary(first + second)[VALID:], truth)  # what is possible
    single = max(bits(binary(each)[VALID:], truth) for each in (first, second))
    assert both > single + 0.1
    assert bits(found["test"][0], truth) == pytest.approx(both, abs=0.005)
    assert bits(found["valid"][0], labels[:VALID]) > single + 0.05


def test_three_classes(rng):
    labels = torch.randint(3, (BOTH,), generator=rng)
    one_hot = torch.nn.functional.one_hot(labels, 3).double()
    signals = [
        (one_hot + torch.randn(BOTH, 3, generator=rng, dtype=torch.float64)) for _ in range(2)
    ]
    found = with_stack(split(*(each.softmax(1) for each in signals)), labels[:VALID], None, 0)
    predicted = found[STACK]["test"][0]
    possible = (signals[0] + signals[1]).softmax(dim=1)[VALID:]
    truth = labels[VALID:]
    assert bits(predicted, truth) == pytest.approx(bits(possible, truth), abs=0.005)
    torch.testing.assert_close(predicted.sum(dim=1), torch.ones(TEST, dtype=torch.float64))


def test_the_stack_does_not_depend_on_test_images(rng):
    labels = torch.randint(2, (BOTH,), generator=rng)
    members = split(*(binary(informed(labels, rng)) for _ in range(2)))
    found = with_stack(members, labels[:VALID], None, 0)[STACK]
    fewer = {name: {**each, "test": each["test"][:, :5]} for name, each in members.items()}
    again = with_stack(fewer, labels[:VALID], None, 0)[STACK]
    assert torch.equal(again["valid"], found["valid"])
    torch.testing.assert_close(again["test"], found["test"][:, :5], rtol=1e-12, atol=0)


def test_an_image_is_predicted_without_its_own_label(rng):
    """Whatever an image's label is, its cross-fitted prediction is the same."""
    labels = torch.randint(2, (BOTH,), generator=rng)
    members = split(*(binary(informed(labels, rng)) for _ in range(2)))
    found = with_stack(members, labels[:VALID], None, 0)[STACK]["valid"][0]
    folds = assign_folds(VALID, 0)
    flipped = torch.where(folds == 2, 1 - labels[:VALID], labels[:VALID])
    again = with_stack(members, flipped, None, 0)[STACK]["valid"][0]
    assert torch.equal(again[folds == 2], found[folds == 2])
    assert not torch.equal(again[folds != 2], found[folds != 2])


def test_what_only_fits_by_chance_is_not_found(rng):
    """Members that know nothing: fitted to few images, a stack that is not cross-fitted would."""
    labels = torch.randint(2, (VALID,), generator=rng)
    members = split(*(binary(torch.randn(BOTH, generator=rng)) for _ in range(30)))
    found = with_stack(members, labels, None, 0)[STACK]["valid"][0]
    assert bits(found, labels) < 0.002


def test_images_of_a_person_are_in_the_same_fold():
    persons = torch.tensor([7, 3, 7, 9, 3, 7, 1, 2])
    folds = assign_folds(persons, 0)
    for person in persons.unique():
        assert len(folds[persons == person].unique()) == 1
    assert len(folds.unique()) == FOLDS


def test_folds_are_of_equal_size_and_depend_on_the_seed():
    folds = assign_folds(1000, 0)
    assert folds.bincount().tolist() == [200] * FOLDS
    assert torch.equal(folds, assign_folds(1000, 0))
    assert not torch.equal(folds, assign_folds(1000, 1))


def test_persons_decide_the_folds(rng, monkeypatch):
    labels = torch.randint(2, (BOTH,), generator=rng)
    members = split(*(binary(informed(labels, rng)) for _ in range(2)))
    persons = torch.arange(VALID) // 10
    seen = []
    monkeypatch.setattr(
        stack, "assign_folds", lambda units, seed: seen.append(units) or persons % 5
    )
    with_stack(members, labels[:VALID], persons, 0)
    assert torch.equal(seen[0], persons)


def test_every_query_is_combined_by_the_weights_of_the_first(rng):
    labels = torch.randint(2, (BOTH,), generator=rng)
    members = split(*(binary(informed(labels, rng)) for _ in range(2)))
    reversed_queries = {
        name: {part: torch.cat([each, each.flip(1)]) for part, each in by_split.items()}
        for name, by_split in members.items()
    }
    found = with_stack(members, labels[:VALID], None, 0)[STACK]["test"]
    both = with_stack(reversed_queries, labels[:VALID], None, 0)[STACK]["test"]
    assert torch.equal(both[0], found[0])
    assert torch.equal(both[1], found[0].flip(0))


def test_one_adversary_has_no_stack(rng):
    one = split(binary(torch.randn(BOTH, generator=rng)))
    assert with_stack(one, torch.zeros(VALID, dtype=torch.long), None, 0) == one


def test_a_few_images_certain_members_and_missing_classes_are_no_problem():
    certain = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 2, dtype=torch.float64)[None]
    members = {name: {"valid": certain, "test": certain} for name in "ab"}
    for labels, persons in (
        ([0, 1, 0, 1], None),
        ([0, 0, 0, 0], None),
        ([0, 1, 0, 1], [5, 5, 5, 5]),
        ([1, 0, 1, 0], [5, 5, 6, 6]),
    ):
        units = None if persons is None else torch.tensor(persons)
        found = with_stack(members, torch.tensor(labels), units, 0)[STACK]
        assert found["valid"].isfinite().all()
        assert found["test"].isfinite().all()


def test_the_weights_have_the_least_penalized_loss(rng):
    labels = torch.randint(3, (300,), generator=rng)
    features = stacked_features([torch.rand(1, 300, 3, generator=rng) for _ in range(4)])[0]
    found = fit_weights(features, labels, ridge=2.0)

    def loss(members, bias):
        nll = torch.nn.functional.cross_entropy(features @ members + bias, labels, reduction="sum")
        return nll + 2.0 * members.square().sum() + 1e-4 * bias.square().sum()

    members, bias = (each.clone().requires_grad_() for each in found)
    gradients = torch.autograd.grad(loss(members, bias), [members, bias])
    assert max(float(each.abs().max()) for each in gradients) < 1e-2


def test_features_are_log_probabilities_relative_to_their_mean():
    features = stacked_features([torch.tensor([[[0.8, 0.2]]]), torch.tensor([[[0.5, 0.5]]])])
    half = math.log(4) / 2
    torch.testing.assert_close(features[0, 0].float(), torch.tensor([[half, 0.0], [-half, 0.0]]))
