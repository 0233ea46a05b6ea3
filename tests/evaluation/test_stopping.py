"""When an adversary is done, and which adversaries stay in training."""

import pytest
import torch
from contenders import losses_with

from privacy_gan.evaluation.stopping import is_done, surviving
from privacy_gan.runs.estimate import Estimate


def gain(value, error):
    return Estimate(value, value - 1.96 * error, value + 1.96 * error)


@pytest.mark.parametrize(
    ("gains", "steps", "done"),
    [
        ([gain(0.001, 0.002), gain(0.001, 0.002)], 2000, True),
        ([gain(0.001, 0.002), gain(0.001, 0.002)], 1999, False),  # too early
        ([gain(0.001, 0.002)], 4000, False),  # one doubling only
        ([gain(0.003, 0.002), gain(0.001, 0.002)], 4000, False),  # the one before still gained
        ([gain(0.001, 0.002), gain(0.003, 0.002)], 4000, False),  # the last one still gained
        ([gain(0.001, 0.02), gain(0.001, 0.02)], 4000, False),  # may have gained 0.04 bits
        ([gain(-0.2, 0.02), gain(-0.2, 0.02)], 4000, True),  # overfits
        ([gain(0.0004, 0.0001), gain(0.0004, 0.0001)], 4000, True),  # certain, but negligible
        ([gain(0.5, 0.1), gain(0.001, 0.002), gain(0.001, 0.002)], 8000, True),
    ],
)
def test_an_adversary_is_done_when_two_doublings_gain_nothing(gains, steps, done):
    assert is_done(gains, steps) == done


def test_adversaries_within_two_standard_errors_and_at_least_two_survive():
    # 100 images with deviations of +-1: a standard error of 1 / sqrt(99)
    losses = {
        "best": losses_with(0.5),
        "second": losses_with(5.0),
        "near": losses_with(0.5 + 1.9 / 99**0.5, noise=1),
        "far": losses_with(0.5 + 2.1 / 99**0.5, noise=1),
    }
    assert surviving(losses, list(losses), 2000) == ["best", "near"]
    assert surviving(losses, list(losses), 1999) == list(losses)
    two = {name: losses[name] for name in ("best", "second")}
    assert surviving(two, list(two), 2000) == ["best", "second"]
    # two stay in training, however good those are that finished before
    assert surviving(losses, ["second", "far"], 2000) == ["second", "far"]


def test_persons_count_once_in_comparisons():
    deficit = losses_with(0.1, noise=0.5)
    persons = (torch.arange(100) % 2).long()  # all images of one sign show the same person
    losses = {"best": 0 * deficit, "second": 0.01 + 0 * deficit, "other": deficit}
    names = list(losses)
    assert surviving(losses, names, 2000, torch.arange(100)) == ["best", "second", "other"]
    assert "other" in surviving(losses, names, 2000, persons)
    losses["other"] = losses_with(0.1, noise=0.4)
    assert surviving(losses, names, 2000) == ["best", "second"]
    assert "other" in surviving(losses, names, 2000, persons)
