"""Statistics of many samples at once equal torchmetrics on one sample after another."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torchmetrics.functional import pearson_corrcoef
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_roc,
    multiclass_accuracy,
)
from torchmetrics.functional.nominal import cramers_v

from privacy_gan.evaluation.metrics import build_scores, samples
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.metrics.distortion import decibels

IMAGES = 23  # few, so that some samples lack a class


def accuracy(p, s, frequencies):
    return (p.argmax(dim=1) == s).double().mean()


def balanced_accuracy(p, s, frequencies):
    recalls = multiclass_accuracy(
        (p / frequencies).argmax(dim=1), s, len(frequencies), average=None
    )
    return recalls[torch.bincount(s, minlength=len(frequencies)) > 0].double().mean()


def auroc(p, s, frequencies):
    occurring = s.unique().tolist()
    if len(occurring) < 2:
        return torch.tensor(math.nan)
    return torch.stack([binary_auroc(p[:, c], (s == c).long()) for c in occurring]).double().mean()


def leaked_bits(p, s, frequencies):
    frequencies = torch.bincount(s).double() / len(s)
    known = torch.special.entr(frequencies).sum() + p.log().gather(1, s[:, None]).mean()
    return known.clamp_min(0) / math.log(2)


def tpr_at_one_percent(p, s, frequencies, value=0):
    positive = (s == value).long()
    if not 0 < positive.sum() < len(s):
        return torch.tensor(math.nan)
    false, true, _ = binary_roc(p[:, value], positive)
    return torch.tensor(np.interp(0.01, false.numpy(), true.numpy()))


ONE_BY_ONE = {each.__name__: each for each in (accuracy, balanced_accuracy, auroc, leaked_bits)}
ONE_BY_ONE |= {
    f"tpr_at_1_percent_fpr/{value}": partial(tpr_at_one_percent, value=value) for value in range(3)
}


def one_by_one(statistic, *columns):
    draws = Bootstrap(resamples=40, seed=3).draw_indices(IMAGES, 40)
    return torch.stack([statistic(*(column[indices] for column in columns)) for indices in draws])


def at_once(statistic, *columns):
    return statistic(Bootstrap(resamples=40, seed=3).weights(IMAGES).double(), *columns)


def assert_same(found, expected):
    torch.testing.assert_close(found, expected.double(), equal_nan=True, rtol=1e-5, atol=1e-6)


def draw_predictions(classes, rare=0.1):
    rng = torch.Generator().manual_seed(classes)
    probabilities = torch.rand(IMAGES, classes, generator=rng, dtype=torch.float64)
    probabilities = (4 * probabilities).round() + 1  # many ties
    odds = torch.tensor([1.0] * (classes - 1) + [rare])
    labels = torch.multinomial(odds, IMAGES, replacement=True, generator=rng)
    labels[0] = classes - 1
    return probabilities / probabilities.sum(dim=1, keepdim=True), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_scores(classes):
    for name, score in build_scores(range(classes)).items():
        check_score(name, score, classes)


def check_score(name, score, classes):
    probabilities, labels = draw_predictions(classes)
    frequencies = torch.arange(1, classes + 1).double() / sum(range(1, classes + 1))
    found = at_once(partial(score, frequencies=frequencies), probabilities, labels)
    assert_same(
        found, one_by_one(partial(ONE_BY_ONE[name], frequencies=frequencies), probabilities, labels)
    )


def test_correlations():
    one, other = draw_predictions(2)[1], draw_predictions(2)[0][:, 1].round().long()

    def correlation(one, other):
        if len(one.unique()) < 2 or len(other.unique()) < 2:
            return torch.tensor(math.nan)
        return pearson_corrcoef(one.double(), other.double())

    found = at_once(samples.correlation, one, other)
    assert 0 < found.isnan().sum() < len(found)
    assert_same(found, one_by_one(correlation, one, other))


def test_associations():
    one, other = draw_predictions(3, rare=0.3)[1], draw_predictions(4)[1]

    def association(one, other):
        if len(one.unique()) < 2 or len(other.unique()) < 2:
            return torch.tensor(math.nan)
        values = (torch.unique(column, return_inverse=True)[1] for column in (one, other))
        return cramers_v(*values, bias_correction=False)

    assert_same(at_once(samples.cramers_v, one, other), one_by_one(association, one, other))


def test_peak_signal_to_noise_ratio():
    distortion = torch.rand(IMAGES, generator=torch.Generator().manual_seed(0))
    expected = one_by_one(lambda d: -10 * d.double().mean().log10(), distortion)
    assert_same(at_once(decibels, distortion), expected)
