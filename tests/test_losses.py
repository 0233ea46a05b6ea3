"""Losses against values worked by hand."""

from math import log

import pytest
import torch

from privacy_gan import losses
from privacy_gan.errors import UserError

# softmax of these rows is (1/4, 3/4), (1/2, 1/2) and (4/5, 1/5)
LOGITS = torch.tensor([[0.0, log(3)], [2.0, 2.0], [log(4), 0.0]], dtype=torch.float64)


def test_negative_entropy_is_the_mean_over_the_batch_in_nats():
    first = 0.25 * log(0.25) + 0.75 * log(0.75)
    second = -log(2)
    third = 0.8 * log(0.8) + 0.2 * log(0.2)
    loss = losses.negative_entropy(LOGITS, torch.tensor([0, 1, 1]))
    assert loss.item() == pytest.approx((first + second + third) / 3)


def test_negative_entropy_ignores_the_true_attribute():
    one = losses.negative_entropy(LOGITS, torch.tensor([0, 0, 0]))
    other = losses.negative_entropy(LOGITS, torch.tensor([1, 1, 1]))
    assert torch.equal(one, other)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_negative_entropy_is_least_where_all_classes_are_equally_likely(classes):
    undecided = losses.negative_entropy(torch.zeros(4, classes), torch.zeros(4).long())
    assert undecided.item() == pytest.approx(-log(classes))


def test_negative_entropy_survives_certainty():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    losses.negative_entropy(logits, torch.tensor([0])).backward()
    assert torch.isfinite(logits.grad).all()


def test_complement_cross_entropy_asks_for_the_other_class():
    # the rows' probabilities of 1 - s are 3/4, 1/2 and 4/5
    loss = losses.complement_cross_entropy(LOGITS, torch.tensor([0, 1, 1]))
    assert loss.item() == pytest.approx(-(log(0.75) + log(0.5) + log(0.8)) / 3)


def test_complement_cross_entropy_refuses_a_third_class():
    with pytest.raises(UserError, match="only two classes define; use loss=entropy"):
        losses.complement_cross_entropy(torch.zeros(1, 3), torch.tensor([0]))


def test_distortion_is_the_mean_over_pixels_channels_and_batch():
    original = torch.zeros(2, 3, 2, 2)
    censored = original.clone()
    censored[0] = 0.5  # half of all values are off by a half
    assert losses.distortion(censored, original).item() == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("distortion", "expected"),
    [(0.009, 0.0), (0.01, 0.0), (0.03, 1e5 * 0.02**2), (0.11, 1e5 * 0.1**2)],
)
def test_penalty_is_quadratic_above_the_budget_and_nothing_below(distortion, expected):
    value = torch.tensor(distortion, dtype=torch.float64)
    assert losses.distortion_penalty(value, 0.01, 1e5).item() == pytest.approx(expected)


def test_discriminator_loss_is_half_of_real_and_half_of_fake():
    real = torch.tensor([[0.0, log(2), 0.0]])  # (1/4, 1/2, 1/4), true class 1
    fake = torch.tensor([[0.0, 0.0, log(6)]])  # (1/8, 1/8, 3/4), "fake" is the last class
    loss = losses.discriminator_loss(real, torch.tensor([1]), fake)
    assert loss.item() == pytest.approx((-log(0.5) - log(0.75)) / 2)
