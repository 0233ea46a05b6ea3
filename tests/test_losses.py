"""Losses on small examples computed by hand."""

from math import exp, log

import pytest
import torch

from privacy_gan import losses
from privacy_gan.errors import UserError

# softmax of these rows is (1/4, 3/4), (1/2, 1/2) and (4/5, 1/5)
LOGITS = torch.tensor([[0.0, log(3)], [2.0, 2.0], [log(4), 0.0]], dtype=torch.float64)


def test_negative_entropy_is_in_nats():
    first = 0.25 * log(0.25) + 0.75 * log(0.75)
    second = -log(2)
    third = 0.8 * log(0.8) + 0.2 * log(0.2)
    loss = losses.negative_entropy(LOGITS, torch.tensor([0, 1, 1])).mean()
    assert loss.item() == pytest.approx((first + second + third) / 3)


def test_negative_entropy_ignores_the_true_attribute():
    one = losses.negative_entropy(LOGITS, torch.tensor([0, 0, 0])).mean()
    other = losses.negative_entropy(LOGITS, torch.tensor([1, 1, 1])).mean()
    assert torch.equal(one, other)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_negative_entropy_is_smallest_for_a_uniform_prediction(classes):
    undecided = losses.negative_entropy(torch.zeros(4, classes), torch.zeros(4).long()).mean()
    assert undecided.item() == pytest.approx(-log(classes))


def test_negative_entropy_has_finite_gradients_for_a_certain_prediction():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    losses.negative_entropy(logits, torch.tensor([0])).mean().backward()
    assert torch.isfinite(logits.grad).all()


def test_complement_cross_entropy_targets_the_other_class():
    # the rows' probabilities of 1 - s are 3/4, 1/2 and 4/5
    loss = losses.complement_cross_entropy(LOGITS, torch.tensor([0, 1, 1])).mean()
    assert loss.item() == pytest.approx(-(log(0.75) + log(0.5) + log(0.8)) / 3)


def test_complement_cross_entropy_rejects_three_classes():
    with pytest.raises(UserError, match="only two classes define; use loss=entropy"):
        losses.complement_cross_entropy(torch.zeros(1, 3), torch.tensor([0])).mean()


def test_distortion_is_the_mean_over_pixels_channels_and_batch():
    original = torch.zeros(2, 3, 2, 2)
    censored = original.clone()
    censored[0] = 0.5  # half of all values differ by 0.5
    assert losses.distortion(censored, original).item() == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("distortion", "expected"),
    [(0.009, 0.0), (0.01, 0.0), (0.03, 1e5 * 0.02**2), (0.11, 1e5 * 0.1**2)],
)
def test_penalty_is_quadratic_above_the_budget_and_zero_below(distortion, expected):
    value = torch.tensor(distortion, dtype=torch.float64)
    assert losses.distortion_penalty(value, 0.01, 1e5).item() == pytest.approx(expected)


def test_discriminator_loss_averages_real_and_fake_images():
    real = torch.tensor([[0.0, log(2), 0.0]])  # (1/4, 1/2, 1/4), true class 1
    fake = torch.tensor([[0.0, 0.0, log(6)]])  # (1/8, 1/8, 3/4), "fake" is the last class
    loss = losses.discriminator_loss(real, torch.tensor([1]), fake)
    assert loss.item() == pytest.approx((-log(0.5) - log(0.75)) / 2)


def test_smoothed_accuracy_is_the_tangent_of_the_smoothed_maximum():
    # tau = 1/2: scaled probabilities (1/2, 3/2), (1, 1) and (8/5, 2/5)
    def tangent(h, s):
        exps = [exp(2 * p) for p in h]
        weights = [e / sum(exps) for e in exps]
        phi = log(sum(exps)) / 2
        return phi + weights[s] - sum(w * p for w, p in zip(weights, h, strict=True))

    rows = [tangent((0.25, 0.75), 0), tangent((0.5, 0.5), 1), tangent((0.8, 0.2), 1)]
    loss = losses.smoothed_accuracy(LOGITS, torch.tensor([0, 1, 1]), begin=0.5, end=0.5).mean()
    assert loss.item() == pytest.approx(sum(rows) / 3)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_smoothed_accuracy_equals_its_potential_if_the_discriminator_is_calibrated(classes):
    torch.manual_seed(0)
    logits = torch.randn(1, classes, dtype=torch.float64, requires_grad=True)
    h = logits.softmax(dim=1)
    tau = 0.1
    potential = tau * torch.logsumexp(h / tau, dim=1).sum()
    # s has the probabilities that the discriminator predicts, so that its h is the posterior
    expected = sum(
        h[0, s].detach() * losses.smoothed_accuracy(logits, torch.tensor([s]), 1.0, tau, tau).mean()
        for s in range(classes)
    )
    assert expected.item() == pytest.approx(potential.item())


def test_smoothed_accuracy_tends_to_accuracy_as_temperature_tends_to_zero():
    truth = torch.tensor([0, 1, 0])
    logits = LOGITS + torch.tensor([0.0, 1e-2], dtype=torch.float64)  # avoids a tie
    loss = losses.smoothed_accuracy(logits, truth, begin=1e-5, end=1e-5).mean()
    assert loss.item() == pytest.approx(2 / 3, abs=1e-4)


def test_descent_on_smoothed_accuracy_lowers_the_logit_of_the_true_class():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    losses.smoothed_accuracy(logits, torch.tensor([0, 0])).mean().backward()
    assert (logits.grad[:, 0] > 0).all()  # descent lowers the true class


def test_temperature_decays_geometrically_and_then_stays_constant():
    def at(progress):
        return losses.smoothed_accuracy(
            LOGITS, torch.tensor([0, 1, 1]), progress, begin=0.4, end=0.1, until=0.5
        ).mean()

    def fixed(tau):
        return losses.smoothed_accuracy(LOGITS, torch.tensor([0, 1, 1]), 1.0, tau, tau).mean()

    for progress, tau in [(0.0, 0.4), (0.25, 0.2), (0.5, 0.1), (0.8, 0.1), (1.0, 0.1)]:
        assert at(progress).item() == pytest.approx(fixed(tau).item())


@pytest.mark.parametrize(
    ("distortion", "multiplier", "expected"),
    [
        (0.01, 0.5, 0.0),  # met: r = 0
        (0.02, 0.5, (1.5**2 - 0.5**2) / 2),  # r = 1
        (0.0, 0.5, -(0.5**2) / 2),  # r = -1, and m + r below 0
        (0.02, 0.0, 0.5),
        (0.005, 0.0, 0.0),
    ],
)
def test_augmented_lagrangian_of_small_examples(distortion, multiplier, expected):
    value = losses.augmented_lagrangian(
        torch.tensor(distortion, dtype=torch.float64), 0.01, torch.tensor(multiplier)
    )
    assert value.item() == pytest.approx(expected, abs=1e-7)
