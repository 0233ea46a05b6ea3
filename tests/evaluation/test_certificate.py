"""Certificates hold for made-up channels whose truth is known, and are values worked by hand."""

import math
from dataclasses import replace

import pytest
import torch

from privacy_gan.evaluation.certificate import (
    Distances,
    HeldOut,
    asymptotic_accuracy,
    asymptotic_balanced_accuracy,
    certify,
    exact_accuracy,
    exact_balanced_accuracy,
    most_bits,
)

REPETITIONS, DELTA = 500, 0.05


def held_out(channel, labels, persons=None, num_classes=2):
    labels = torch.as_tensor(labels)
    persons = torch.arange(len(labels)) if persons is None else torch.as_tensor(persons)
    return HeldOut(torch.as_tensor(channel, dtype=torch.float64), labels, persons, num_classes)


class Population:
    """Persons with several images each, whose labels and outcomes depend on the person.

    A person has a type; the type decides how often each value of s occurs and which outcomes its
    images have. Each image has one certain outcome.
    """

    def __init__(self, outcomes, leak, num_classes=2, images_each=(1, 6), types=5):
        rng = torch.Generator().manual_seed(0)
        self.num_classes, self.images_each = num_classes, images_each
        self.shares = torch.rand(types, num_classes, generator=rng, dtype=torch.float64) + 0.3
        self.shares /= self.shares.sum(dim=1, keepdim=True)
        shared = torch.rand(types, 1, outcomes, generator=rng, dtype=torch.float64)
        own = torch.rand(types, num_classes, outcomes, generator=rng, dtype=torch.float64) ** 4
        rows = shared + leak * own
        self.rows = rows / rows.sum(dim=2, keepdim=True)  # P(k|type, s)
        joint = (self.shares[:, :, None] * self.rows).mean(dim=0)  # [C, K]
        self.accuracy = float(joint.amax(dim=0).sum())
        self.balanced = float((joint / joint.sum(dim=1, keepdim=True)).amax(dim=0).sum())
        self.balanced /= num_classes
        self.frequencies = joint.sum(dim=0)

    def sample(self, persons, rng):
        low, high = self.images_each
        counts = torch.randint(low, high + 1, (persons,), generator=rng)
        person = torch.arange(persons).repeat_interleave(counts)
        types = torch.randint(len(self.rows), (persons,), generator=rng)[person]
        labels = torch.multinomial(self.shares[types], 1, generator=rng).flatten()
        outcomes = torch.multinomial(self.rows[types, labels], 1, generator=rng).flatten()
        channel = torch.eye(self.rows.shape[2], dtype=torch.float64)[outcomes]
        return HeldOut(channel, labels, person, self.num_classes)


def bounds_of(sample, weights, delta):
    distances = Distances(sample, weights)
    return {
        "exact": exact_accuracy(sample, delta),
        "exact balanced": exact_balanced_accuracy(sample, delta),
        "asymptotic": asymptotic_accuracy(distances, delta),
        "asymptotic balanced": asymptotic_balanced_accuracy(distances, delta),
    }


def coverage(population, persons, as_independent=False):
    """Return how often each bound holds, of REPETITIONS times."""
    rng = torch.Generator().manual_seed(1)
    held = dict.fromkeys(["exact", "exact balanced", "asymptotic", "asymptotic balanced"], 0)
    for _ in range(REPETITIONS):
        sample = population.sample(persons, rng)
        if as_independent:
            sample = replace(sample, persons=torch.arange(len(sample.labels)))
        for name, bound in bounds_of(sample, population.frequencies, DELTA).items():
            held[name] += bound >= (population.balanced if "bal" in name else population.accuracy)
    return held


@pytest.mark.parametrize(
    ("outcomes", "leak", "num_classes"), [(4, 0.5, 2), (32, 0.2, 2), (32, 0.0, 2), (8, 0.5, 5)]
)
def test_bounds_hold_as_often_as_they_promise(outcomes, leak, num_classes):
    held = coverage(Population(outcomes, leak, num_classes), persons=200)
    assert min(held["exact"], held["exact balanced"]) >= 475
    assert min(held["asymptotic"], held["asymptotic balanced"]) >= 460


def test_bounds_need_to_know_who_is_in_an_image():
    population = Population(2, 0.0, images_each=(30, 30), types=2)
    population.rows = torch.eye(2, dtype=torch.float64)[:, None, :].repeat(1, 2, 1)
    population.shares = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    population.accuracy, population.balanced = 0.75, (2 / 3 + 1) / 2
    population.frequencies = torch.tensor([0.5, 0.5])
    held = coverage(population, persons=100)
    assert min(held.values()) >= 460
    wrong = coverage(population, persons=100, as_independent=True)
    assert max(wrong["exact"], wrong["asymptotic balanced"]) < 450


def test_few_persons_allow_no_asymptotic_bound():
    # one of a hundred persons has all images of the rarer value but one
    persons = torch.arange(100).repeat_interleave(20)
    labels = (persons == 0).long()
    labels[-1] = 1
    channel = torch.eye(2)[labels]
    images = held_out(channel, labels, persons)
    assert images.effective_persons < 2
    bounds = bounds_of(images, torch.ones(2), DELTA)
    assert bounds["asymptotic"] == bounds["asymptotic balanced"] == 1.0


@pytest.mark.parametrize("fault", ["not finite", "no image of a value", "one person"])
def test_what_cannot_be_certified_has_bounds_of_one(fault):
    channel = torch.full((100, 4), 0.25)
    labels, persons = [0, 1] * 50, list(range(100))
    if fault == "not finite":
        channel[3, 0] = math.nan
    elif fault == "no image of a value":
        labels = [0] * 100
    else:
        persons = [0] * 100
    for bound in certify(held_out(channel, labels, persons), torch.ones(4), 0.05).values():
        assert (bound.value, bound.exact, bound.asymptotic) == (1.0, 1.0, 1.0)


def test_the_asymptotic_limit_is_no_wider_than_it_must_be():
    # with two outcomes, |d_k| / w_k is the same for both: Cauchy-Schwarz loses nothing
    rng = torch.Generator().manual_seed(2)
    held = 0
    for _ in range(REPETITIONS):
        labels = torch.randint(2, (500,), generator=rng)
        outcomes = (torch.rand(500, generator=rng) < 0.3 + 0.4 * labels).long()
        sample = held_out(torch.eye(2)[outcomes], labels)
        held += float(Distances(sample, torch.ones(2)).upper(DELTA)[0, 1]) >= 0.4
    assert 460 <= held <= 490


def test_exact_bounds_by_hand():
    # persons 0 and 1 have two images each, person 2 has one
    channel = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    images = held_out(channel, [0, 0, 1, 1, 0], [0, 0, 1, 1, 2])
    # P(s = 0, k) = 2.5/5, 0.5/5 and P(s = 1, k) = 0.5/5, 1.5/5
    slack = math.sqrt(math.log(1 / 0.9) * (4 + 4 + 1) / 2) / 5
    assert exact_accuracy(images, 0.9) == pytest.approx(0.5 + 0.3 + slack)
    # P(s) is at least 3/5 and 2/5 less the slack at a quarter of delta
    slack = math.sqrt(math.log(4 / 0.9) * 9 / 2) / 5
    assert slack > 0.4
    assert exact_balanced_accuracy(images, 0.9) == 1.0
    assert exact_accuracy(images, 0.0001) == 1.0


def test_the_exact_balanced_bound_of_persons_by_hand():
    # 1,000 persons with two images of one value each, whose outcomes are certain
    labels = torch.arange(1000) % 2
    channel = torch.tensor([[0.6, 0.4], [0.4, 0.6]])[labels].repeat_interleave(2, dim=0)
    persons = torch.arange(1000).repeat_interleave(2)
    images = held_out(channel, labels.repeat_interleave(2), persons)
    least = 0.5 - math.sqrt(math.log(4 / 0.05) / 2 / 1000)
    slack = math.sqrt(math.log(2 / 0.05) / 2 / 1000) / least / 2
    expected = (0.3 / least + 0.3 / least) / 2 + slack
    assert exact_balanced_accuracy(images, 0.05) == pytest.approx(expected)


def test_independent_images_are_persons_with_one_image():
    channel = torch.tensor([[0.6, 0.4], [0.4, 0.6]], dtype=torch.float64).repeat(500, 1)
    images = held_out(channel, [0, 1] * 500)
    slack = math.sqrt(math.log(20) / 2000)
    assert exact_accuracy(images, 0.05) == pytest.approx(0.6 + slack)
    assert exact_balanced_accuracy(images, 0.05) == pytest.approx(0.6 + slack)


def test_the_asymptotic_bound_of_a_constant_channel_by_hand():
    # no variance within the classes, so that the total variation is known exactly: 0.2
    channel = torch.tensor([[0.6, 0.4], [0.4, 0.6]], dtype=torch.float64).repeat(500, 1)
    images = held_out(channel, [0, 1] * 500)
    distances = Distances(images, torch.ones(2))
    assert distances.upper(0.05)[0, 1] == pytest.approx(0.2)
    assert asymptotic_balanced_accuracy(distances, 0.05) == pytest.approx(0.6)
    # p_0 + p_1 TV has the deviation (1 - TV) sqrt(p_0 p_1 / n)
    error = 0.8 * 0.5 / math.sqrt(999)
    bound = asymptotic_accuracy(distances, 0.05)  # 0.025 for the shares
    assert bound == pytest.approx(0.6 + 1.959964 * error, abs=1e-6)


def test_the_printed_bounds_hold_together():
    sample = Population(32, 0.2).sample(500, torch.Generator().manual_seed(3))
    weights = torch.ones(32)
    certified = certify(sample, weights, 0.05)
    alone, quarter = bounds_of(sample, weights, 0.05), bounds_of(sample, weights, 0.05 / 4)
    for score, suffix in (("accuracy", ""), ("balanced_accuracy", " balanced")):
        found = certified[score]
        assert found.exact == alone[f"exact{suffix}"]
        assert found.asymptotic == alone[f"asymptotic{suffix}"]
        assert found.value == quarter[f"{found.kind}{suffix}"]
        assert found.value == min(quarter[f"exact{suffix}"], quarter[f"asymptotic{suffix}"])


def test_many_outcomes_cost_the_asymptotic_bound_less():
    sample = Population(400, 0.0).sample(1500, torch.Generator().manual_seed(4))
    certified = certify(sample, torch.ones(400), 0.05)["balanced_accuracy"]
    assert certified.value < certified.exact


def test_most_bits():
    assert most_bits(1.0, 1.0, [0.5, 0.5]) == 1.0
    assert most_bits(0.5, 0.5, [0.5, 0.5]) == 0.0
    assert most_bits(0.6, 1.0, [0.5, 0.5]) == pytest.approx(0.2)
    assert most_bits(0.6, 0.55, [0.5, 0.5]) == pytest.approx(0.1)
    assert most_bits(0.75, 1.0, [0.75, 0.25]) == pytest.approx(0.811278 - 0.5, abs=1e-6)
    assert most_bits(0.4, 0.4, [1 / 3] * 3) == pytest.approx(math.log2(3) - 1.2)
