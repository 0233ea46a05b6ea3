"""Predicting one attribute from the others."""

import math

import pytest
import torch

from privacy_gan.attributes import IGNORED
from privacy_gan.data.faces.factors import ATTRIBUTE_NAMES, draw_factors, joint_frequencies
from privacy_gan.evaluation.observations import (
    class_frequencies,
    correlation_baseline,
    mutual_information,
)

# from the paper's data, all of CelebA, see the description of the method
CELEBAS = {"Smiling": 0.838, "Male": 0.910, "Wearing_Lipstick": 0.894, "Young": 0.755}


def test_class_frequencies():
    assert class_frequencies(torch.tensor([1, 1, 1, 0])).tolist() == [0.25, 0.75]


def test_each_combination_predicts_its_frequencies_with_one_pseudo_image():
    train = torch.tensor([1, 1, 0, 0, 0, 0])
    others = torch.tensor([[1], [1], [1], [0], [0], [0]])
    found = correlation_baseline(train, others, torch.tensor([[1], [0]]))
    # overall (4/6, 2/6); cell 1 has counts (1, 2), cell 0 has (3, 0), each plus the overall ones
    assert found[0].tolist() == pytest.approx([(1 + 4 / 6) / 4, (2 + 2 / 6) / 4])
    assert found[1].tolist() == pytest.approx([(3 + 4 / 6) / 4, (2 / 6) / 4])


def test_a_combination_that_training_lacks_predicts_the_overall_frequencies():
    train, others = torch.tensor([1, 0, 0, 0]), torch.zeros(4, 2, dtype=torch.long)
    found = correlation_baseline(train, others, torch.tensor([[1, 1]]))
    assert found[0].tolist() == pytest.approx([0.75, 0.25])


def literal_baseline(name):
    """Return the accuracy of predicting the majority of each cell in the joint table."""
    combinations, counts = joint_frequencies()
    column = ATTRIBUTE_NAMES.index(name)
    cells = {}
    for combination, count in zip(combinations.tolist(), counts.tolist(), strict=True):
        label = combination.pop(column)
        cells.setdefault(tuple(combination), [0, 0])[label] += count
    return sum(max(cell) for cell in cells.values()) / counts.sum()


@pytest.mark.parametrize("name", ATTRIBUTE_NAMES)
def test_the_baseline_of_drawn_faces_is_that_of_their_joint_table(name):
    labels = torch.from_numpy(draw_factors(0, 0, 60_000).attributes).long()
    column = ATTRIBUTE_NAMES.index(name)
    truth = labels[:, column]
    others = torch.cat([labels[:, :column], labels[:, column + 1 :]], dim=1)
    found = correlation_baseline(truth[:40_000], others[:40_000], others[40_000:])
    accuracy = (found.argmax(dim=1) == truth[40_000:]).double().mean().item()
    assert accuracy == pytest.approx(literal_baseline(name), abs=0.01)


@pytest.mark.parametrize(("name", "expected"), CELEBAS.items())
def test_the_baseline_of_the_joint_table_is_near_that_of_celebas_test_split(name, expected):
    # the table counts all of CelebA; in its test split, fewer people are young
    assert literal_baseline(name) == pytest.approx(expected, abs=0.03)


def test_of_many_attributes_the_most_informative_ones_predict():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (4000,), generator=rng)
    others = torch.randint(2, (4000, 40), generator=rng)
    others[:, 33] = labels.where(torch.rand(4000, generator=rng) < 0.95, 1 - labels)
    train, test = slice(None, 3000), slice(3000, None)
    found = correlation_baseline(labels[train], others[train], others[test])
    assert (found.argmax(dim=1) == labels[test]).double().mean() > 0.9


def test_mutual_information_by_hand():
    one = torch.tensor([0, 0, 1, 1])
    assert mutual_information(one, one) == pytest.approx(math.log(2))
    assert mutual_information(one, torch.tensor([0, 1, 0, 1])) == pytest.approx(0)
    assert mutual_information(one, torch.tensor([0, 0, 1, -100])) == pytest.approx(math.log(2))


def test_images_without_a_label_teach_nothing_and_a_missing_value_is_a_value():
    train = torch.tensor([1, 1, IGNORED, 0, 0])
    others = torch.tensor([[IGNORED], [IGNORED], [1], [0], [0]])
    found = correlation_baseline(train, others, torch.tensor([[IGNORED], [1], [0]]))
    assert found[:, 1].tolist() == pytest.approx([2.5 / 3, 0.5, 0.5 / 3])
    assert class_frequencies(train).tolist() == [0.5, 0.5]
