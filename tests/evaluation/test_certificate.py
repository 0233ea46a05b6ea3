"""Certificates hold for made-up channels whose truth is known, and are values worked by hand."""

import math

import pytest
import torch

from privacy_gan.evaluation.certificate import (
    HeldOut,
    asymptotic_accuracy,
    asymptotic_balanced_accuracy,
    certify,
    exact_accuracy,
    exact_balanced_accuracy,
    most_bits,
    total_variation,
)

REPETITIONS, DELTA = 500, 0.05


def held_out(channel, labels, persons=None, num_classes=2):
    labels = torch.as_tensor(labels)
    persons = torch.arange(len(labels)) if persons is None else torch.as_tensor(persons)
    return HeldOut(torch.as_tensor(channel, dtype=torch.float64), labels, persons, num_classes)


class Population:
    """Persons with several images each, whose labels and outcomes depend on the person.

    A person has a type; the type decides how often s is 1 and which distribution over outcomes its
    images have, given s. All images of a person with the same s have the same channel row, which is
    the worst case if images are taken as independent.
    """

    def __init__(self, outcomes, leak, num_classes=2, prior=0.5, images_each=(1, 6), types=5):
        rng = torch.Generator().manual_seed(0)
        self.num_classes, self.images_each = num_classes, images_each
        shared = torch.rand(types, 1, outcomes, generator=rng, dtype=torch.float64)
        own = torch.rand(types, num_classes, outcomes, generator=rng, dtype=torch.float64) ** 4
        rows = shared + leak * own
        self.rows = rows / rows.sum(dim=2, keepdim=True)  # [types, C, K]
        rest = (1 - prior) / (num_classes - 1)
        self.shares = torch.full((num_classes,), rest, dtype=torch.float64)
        self.shares[0] = prior
        conditional = self.rows.mean(dim=0)  # types are equally frequent, whatever s is
        self.accuracy = float((self.shares[:, None] * conditional).amax(dim=0).sum())
        self.balanced = float(conditional.amax(dim=0).sum()) / num_classes
        self.frequencies = self.shares @ conditional

    def sample(self, persons, rng):
        low, high = self.images_each
        counts = torch.randint(low, high + 1, (persons,), generator=rng)
        person = torch.arange(persons).repeat_interleave(counts)
        types = torch.randint(len(self.rows), (persons,), generator=rng)[person]
        labels = torch.multinomial(self.shares, len(person), replacement=True, generator=rng)
        return HeldOut(self.rows[types, labels], labels, person, self.num_classes)


@pytest.mark.parametrize(
    ("outcomes", "leak", "num_classes", "prior"),
    [(4, 0.5, 2, 0.5), (32, 0.2, 2, 0.7), (32, 0.0, 2, 0.5), (8, 0.5, 5, 0.4)],
)
def test_bounds_hold_as_often_as_they_promise(outcomes, leak, num_classes, prior):
    population = Population(outcomes, leak, num_classes, prior)
    rng = torch.Generator().manual_seed(1)
    held = dict.fromkeys(["exact", "exact balanced", "asymptotic", "asymptotic balanced"], 0)
    for _ in range(REPETITIONS):
        sample = population.sample(200, rng)
        weights = population.frequencies
        bounds = {
            "exact": (exact_accuracy(sample, DELTA), population.accuracy),
            "exact balanced": (exact_balanced_accuracy(sample, DELTA), population.balanced),
            "asymptotic": (asymptotic_accuracy(sample, weights, DELTA), population.accuracy),
            "asymptotic balanced": (
                asymptotic_balanced_accuracy(sample, weights, DELTA),
                population.balanced,
            ),
        }
        for name, (bound, truth) in bounds.items():
            held[name] += bound >= truth
    assert min(held["exact"], held["exact balanced"]) >= 475
    assert min(held["asymptotic"], held["asymptotic balanced"]) >= 460


def test_the_asymptotic_limit_is_no_wider_than_it_must_be():
    # with two outcomes, |d_k| / w_k is the same for both: Cauchy-Schwarz loses nothing
    rng = torch.Generator().manual_seed(2)
    held = 0
    for _ in range(REPETITIONS):
        labels = torch.randint(2, (500,), generator=rng)
        outcomes = (torch.rand(500, generator=rng) < 0.3 + 0.4 * labels).long()
        sample = held_out(torch.eye(2)[outcomes], labels)
        held += total_variation(sample, torch.ones(2), 0, 1, DELTA) >= 0.4
    assert 460 <= held <= 490


def test_exact_bounds_by_hand():
    # persons 0 and 1 have two images each, person 2 has one
    channel = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    images = held_out(channel, [0, 0, 1, 1, 0], [0, 0, 1, 1, 2])
    # P(s = 0, k) = 2.5/5, 0.5/5 and P(s = 1, k) = 0.5/5, 1.5/5
    slack = math.sqrt(math.log(1 / 0.9) * (4 + 4 + 1) / 2) / 5
    assert exact_accuracy(images, 0.9) == pytest.approx(0.5 + 0.3 + slack)
    # P(k | s = 0) = 2.5/3, 0.5/3 and P(k | s = 1) = 0.5/2, 1.5/2
    moved = [2 / 3 / 2, 2 / 2 / 2, 1 / 3 / 2]
    slack = math.sqrt(math.log(1 / 0.9) * sum(m * m for m in moved) / 2)
    assert exact_balanced_accuracy(images, 0.9) == pytest.approx((2.5 / 3 + 1.5 / 2) / 2 + slack)
    assert exact_accuracy(images, 0.0001) == 1.0


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
    weights = torch.ones(2)
    assert total_variation(images, weights, 0, 1, 0.05) == pytest.approx(0.2)
    assert asymptotic_balanced_accuracy(images, weights, 0.05) == pytest.approx(0.6)
    # p_0 + p_1 TV has the deviation (1 - TV) sqrt(p_0 p_1 / n)
    error = 0.8 * 0.5 / math.sqrt(999)
    bound = asymptotic_accuracy(images, weights, 0.05)  # 0.025 for the shares
    assert bound == pytest.approx(0.6 + 1.959964 * error, abs=1e-6)


def test_the_printed_bound_is_the_smaller_one_at_half_the_probability():
    sample = Population(32, 0.2).sample(500, torch.Generator().manual_seed(3))
    weights = torch.ones(32)
    certified = certify(sample, weights, 0.05)["accuracy"]
    assert certified.exact == exact_accuracy(sample, 0.05)
    assert certified.asymptotic == asymptotic_accuracy(sample, weights, 0.05)
    halves = exact_accuracy(sample, 0.025), asymptotic_accuracy(sample, weights, 0.025)
    assert certified.value == min(halves)
    assert certified.value > min(certified.exact, certified.asymptotic)


def test_many_outcomes_cost_the_asymptotic_bound_less():
    sample = Population(400, 0.0).sample(1500, torch.Generator().manual_seed(4))
    certified = certify(sample, torch.ones(400), 0.05)["balanced_accuracy"]
    assert certified.value < certified.exact


def test_most_bits():
    assert most_bits(1.0, [0.5, 0.5]) == 1.0
    assert most_bits(0.5, [0.5, 0.5]) == 0.0
    assert most_bits(0.6, [0.5, 0.5]) == pytest.approx(0.2)
    assert most_bits(0.75, [0.75, 0.25]) == pytest.approx(0.811278 - 0.5, abs=1e-6)
