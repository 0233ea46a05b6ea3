"""Images without a label count in no number about that attribute."""

import math

import pytest
import torch
import torch.nn.functional as F
from planted import LightAndDark

from privacy_gan.attributes import IGNORED, UNKNOWN
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import require_known
from privacy_gan.evaluation.contender import calibrated_bits
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.ceiling import ceiling
from privacy_gan.evaluation.metrics.samples import mean_of_known
from privacy_gan.evaluation.retrained import RetrainedClassifier
from privacy_gan.evaluation.source import CensoredBatch
from privacy_gan.models.fit_posteriors import loss_of

SGD = Recipe(lambda parameters: torch.optim.SGD(parameters, lr=0.1))


def batch_of(images, attributes):
    return CensoredBatch(images, images, attributes, None)


def linear(outputs):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, outputs))
    torch.manual_seed(0)
    torch.nn.init.normal_(network[1].weight)
    return network


IMAGES = torch.rand(6, 3, 2, 2, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([[0, 2], [1, IGNORED], [IGNORED, 1], [1, 0], [0, IGNORED], [1, 1]])


def test_the_loss_of_a_classifier_is_the_mean_over_images_with_a_label():
    learner = Learner(linear(2), SGD, 0)
    known = LABELS[:, 0] != IGNORED
    expected = F.cross_entropy(learner.network(IMAGES[known]), LABELS[known, 0])
    assert learner.loss(batch_of(IMAGES, LABELS)).item() == pytest.approx(expected.item())
    without = learner.loss(batch_of(IMAGES[2:3], LABELS[2:3]))
    without.backward()
    assert without.item() == 0  # not nan


def test_the_loss_of_the_retrained_classifier_is_the_mean_over_all_labels():
    learner = RetrainedClassifier(linear, SGD, [0, 1], [2, 3])
    logits = learner.network(IMAGES).split([2, 3], dim=1)
    each = [
        F.cross_entropy(part, LABELS[:, column], reduction="sum")
        for column, part in enumerate(logits)
    ]
    expected = (each[0] + each[1]) / 9
    assert learner.loss(batch_of(IMAGES, LABELS)).item() == pytest.approx(expected.item())


def test_losses_for_learning_curves_have_the_mean_and_error_of_images_with_a_label():
    rng = torch.Generator().manual_seed(0)
    probabilities = torch.rand(400, 3, generator=rng, dtype=torch.float64).softmax(dim=1)
    labels = torch.randint(3, (400,), generator=rng)
    known = torch.arange(400) % 10 == 0
    bits = calibrated_bits(probabilities, labels.where(known, torch.tensor(IGNORED)))
    alone = calibrated_bits(probabilities[known], labels[known])
    assert bits.mean().item() == pytest.approx(alone.mean().item())
    errors = [each.std(correction=0) / math.sqrt(len(each)) for each in (bits, alone)]
    assert errors[0].item() == pytest.approx(errors[1].item())


def test_means_and_ceilings_are_over_images_with_a_label():
    correct = torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 0]], dtype=torch.float64)
    known = torch.tensor([[True, False], [True, True], [True, True], [True, False]])
    weights = torch.ones(1, 4, dtype=torch.float64)
    assert mean_of_known(weights, correct, known).tolist() == [[0.5, 1.0]]
    utility, sensitive = torch.tensor([0, 1, 1, 1, 0]), torch.tensor([0, 0, 1, 1, 1])
    with_unknown = torch.cat([utility, torch.tensor([IGNORED] * 3)])
    more = torch.cat([sensitive, torch.tensor([0, 0, 1])])
    assert compute_on_all(ceiling, with_unknown, more) == compute_on_all(
        ceiling, utility, sensitive
    )


def test_posteriors_do_not_learn_from_missing_labels():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 1], [1, IGNORED], [1, 0], [0, IGNORED], [1, 1], [0, 0]])
    known = labels[:, 1] != IGNORED
    binary = F.binary_cross_entropy_with_logits(
        logits[known, 2], labels[known, 1].float(), reduction="sum"
    )
    expected = F.cross_entropy(logits[:, :2], labels[:, 0]) + binary / 6
    assert loss_of(logits, labels, 2).item() == pytest.approx(expected.item())


def test_a_second_hidden_attribute_must_be_known_everywhere():
    data = LightAndDark(train=64, valid=10, test=10)
    data.setup()
    data.table.attributes[data.rows("test")[:2], 1] = UNKNOWN
    require_known(data, "test", "Light")
    message = "2 of 10 test images of light-and-dark have no value of Red: several attributes"
    with pytest.raises(UserError, match=message):
        require_known(data, "test", "Red")
