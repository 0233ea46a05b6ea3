"""Training images get the probabilities of a network that has not seen them."""

import pytest
import torch

from privacy_gan.models.fit_posteriors import fit_posteriors, split_in_folds
from privacy_gan.models.posteriors import FOLDS, Posteriors


def fit(labels, coordinates, num_classes=2, seed=0):
    posteriors = Posteriors(coordinates.shape[1], num_classes, labels.shape[1] - 1, 64, 0.0).eval()
    views = torch.stack([coordinates, coordinates.flip(1)])
    found = fit_posteriors(posteriors, views, labels, None, seed)
    return posteriors, views, *found


def accuracy(probabilities, labels):
    return float((probabilities.argmax(dim=1) == labels).double().mean())


def test_probabilities_are_those_of_unseen_images():
    rng = torch.Generator().manual_seed(0)
    coordinates = torch.randn(600, 40, generator=rng)
    labels = torch.randint(2, (600, 2), generator=rng)  # nothing can be learned but by heart
    posteriors, _, sensitive, binary = fit(labels, coordinates)
    assert accuracy(sensitive, labels[:, 0]) < 0.6
    assert float(((binary[:, 0] > 0.5) == (labels[:, 1] > 0)).double().mean()) < 0.6
    folds = split_in_folds(600, None, seed=0)
    with torch.no_grad():  # each network does know its own half
        logits = posteriors.logits(coordinates[folds == 0], 0)[:, :2]
    assert accuracy(logits, labels[folds == 0, 0]) > 0.9


@pytest.mark.parametrize("num_classes", [2, 5])
def test_probabilities_are_calibrated_and_the_same_again(num_classes):
    rng = torch.Generator().manual_seed(1)
    coordinates = torch.randn(4000, 5, generator=rng)
    scores = coordinates[:, :1] * torch.arange(num_classes) + torch.zeros(num_classes)
    labels = torch.multinomial(scores.softmax(dim=1), 1, generator=rng)
    _, _, sensitive, binary = fit(labels, coordinates, num_classes)
    assert binary.shape == (4000, 0)
    assert sensitive.sum(dim=1) == pytest.approx(torch.ones(4000).numpy())
    shares = torch.bincount(labels[:, 0]) / 4000
    torch.testing.assert_close(sensitive.mean(dim=0), shares, atol=0.01, rtol=0)
    again = fit(labels, coordinates, num_classes)[2]
    assert torch.equal(again, sensitive)


def test_a_person_is_in_one_half_only():
    persons = torch.arange(500) % 97
    folds = split_in_folds(500, persons, seed=0)
    for person in range(97):
        assert len(folds[persons == person].unique()) == 1
    assert torch.bincount(folds).min() > 200
    assert torch.equal(torch.bincount(split_in_folds(501, None, seed=0)), torch.tensor([251, 250]))
    assert FOLDS == 2
