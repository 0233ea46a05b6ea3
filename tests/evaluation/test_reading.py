"""Predictions are read for each score as is better on validation images, never on test images."""

import torch

from privacy_gan.evaluation.attacking import read

PRIOR = torch.tensor([0.5, 0.5], dtype=torch.float64)


def predictions(*of_one):
    ones = torch.tensor(of_one, dtype=torch.float64)
    return torch.stack([1 - ones, ones], dim=1)


def test_an_accuracy_that_calibration_would_spoil_is_kept():
    # a small lean tells something; a few answers that are sure and say nothing spoil the fit
    labels = torch.tensor([1] * 60 + [0] * 40 + [1] * 40 + [0] * 60 + [1, 0] * 25)
    seen = predictions(*[0.574] * 100, *[0.426] * 100, *[0.9975] * 50)
    calibration, readings = read(seen, seen, labels, PRIOR)
    raw = float((seen.argmax(dim=1) == labels).double().mean())
    mended = calibration.apply(seen)
    assert float((mended.argmax(dim=1) == labels).double().mean()) < raw
    assert readings["accuracy"].valid == raw
    assert torch.equal(readings["accuracy"].test, seen)
    assert torch.equal(readings["leaked_bits"].test, mended)
