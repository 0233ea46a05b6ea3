"""The truth lies between what a table of outcomes finds and what a bootstrap over persons says."""

import pytest
import torch
from test_certificate import Population, held_out

from privacy_gan.evaluation.certificate import HeldOut, exact_accuracy
from privacy_gan.evaluation.certification import cap_images_per_person
from privacy_gan.evaluation.channel_estimates import (
    bootstrapped_bounds,
    draw_persons,
    folds_of,
    table_estimates,
)


def estimates(sample, delta=0.05):
    drawn = draw_persons(sample)
    bounds = bootstrapped_bounds(sample, drawn, [1 - delta])
    return bounds[f"{1 - delta:g}"], table_estimates(sample, drawn)


@pytest.mark.parametrize(("outcomes", "leak", "values"), [(8, 0.5, 2), (8, 0.5, 5), (64, 0, 2)])
def test_the_truth_lies_between_both(outcomes, leak, values):
    population = Population(outcomes, leak, values)
    truth = {"accuracy": population.accuracy, "balanced_accuracy": population.balanced}
    rng = torch.Generator().manual_seed(5)
    repetitions = [estimates(population.sample(300, rng)) for _ in range(100)]
    for score, value in truth.items():
        assert sum(upper[score] >= value for upper, _ in repetitions) >= 90
        assert sum(found[score].low <= value for _, found in repetitions) >= 97
        assert all(found[score].low < found[score].high for _, found in repetitions)


def test_a_table_finds_what_is_there():
    population = Population(8, 2.0)
    sample = population.sample(3000, torch.Generator().manual_seed(6))
    found = estimates(sample)[1]
    assert found["accuracy"].value == pytest.approx(population.accuracy, abs=0.02)
    assert found["balanced_accuracy"].value == pytest.approx(population.balanced, abs=0.02)
    assert population.accuracy > 0.6


def test_a_table_does_not_know_the_person_that_it_guesses():
    # each person has another outcome, which only images of the same person could explain
    persons = torch.arange(200).repeat_interleave(4)
    labels = persons % 2
    sample = held_out(torch.eye(200)[persons], labels, persons)
    upper, found = estimates(sample)
    assert found["balanced_accuracy"].value == 0.5
    assert upper["accuracy"] == 1.0
    for person in range(200):
        assert len(folds_of(sample)[persons == person].unique()) == 1
    assert len(folds_of(sample).unique()) == 5


def test_a_table_by_hand():
    # the outcome shows s in three of four images of each person
    channel = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    labels = torch.tensor([0, 1] * 50)
    found = estimates(held_out(channel[labels], labels))[1]
    for estimate in found.values():
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.75, 0.75, 0.75))


def thinned(counts, outcomes):
    persons = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    everyone = torch.ones(len(persons), dtype=torch.bool)
    most, kept = cap_images_per_person(persons, everyone, outcomes)
    return most, kept, torch.bincount(persons[kept], minlength=len(counts))


def test_no_person_has_so_many_images_that_the_bound_widens():
    counts = [1] * 500 + [100] * 5
    most, kept, left = thinned(counts, 2)
    assert 1 <= most < 100
    assert left.tolist() == [min(count, most) for count in counts]
    assert kept.tolist() == sorted(kept.tolist())
    assert kept.tolist() != list(range(len(kept)))  # not the first ones of a person


def test_as_many_images_of_everyone_are_all_used():
    most, kept, _ = thinned([4] * 300, 128)
    assert most is None
    assert len(kept) == 1200


def test_many_outcomes_need_more_images():
    counts = [1] * 300 + [30] * 100
    assert thinned(counts, 2)[0] < 30
    assert thinned(counts, 64)[0] is None  # all of them


def test_bounds_hold_for_at_most_so_many_images_of_each_person():
    population = Population(4, 0.5, images_each=(1, 40))
    rng = torch.Generator().manual_seed(7)
    held = 0
    for _ in range(200):
        sample = population.sample(100, rng)
        everyone = torch.ones(len(sample.labels), dtype=torch.bool)
        most, kept = cap_images_per_person(sample.persons, everyone, 4)
        assert most < 40
        capped = HeldOut(sample.channel[kept], sample.labels[kept], sample.persons[kept], 2)
        held += exact_accuracy(capped, 0.05) >= population.accuracy
    assert held >= 190


def test_persons_of_the_training_images_are_not_used():
    persons = torch.tensor([0, 0, 1, 2, 2, 2])
    unseen = torch.tensor([True, True, False, True, True, True])
    most, kept = cap_images_per_person(persons, unseen, 10**6)
    assert (most, kept.tolist()) == (None, [0, 1, 3, 4, 5])
    nothing = cap_images_per_person(persons, torch.zeros(6, dtype=torch.bool), 2)
    assert (nothing[0], nothing[1].tolist()) == (None, [])
