"""Warnings of the judge: they appear where something is wrong, and nowhere else."""

from dataclasses import replace

import pytest
import torch
from planted import observations_of

from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.metrics.privacy import accuracy, leaked_bits
from privacy_gan.evaluation.observations import class_frequencies
from privacy_gan.evaluation.outputs import Outputs, TestOutputs
from privacy_gan.evaluation.predictions import predict_all
from privacy_gan.evaluation.warnings import (
    control_warnings,
    fixed_classifier_warnings,
    query_warnings,
    underfit_warnings,
)
from privacy_gan.runs.controls import Controls, PermutedLabels
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.learning_curve import LearningCurve, Stage

LABELS = torch.arange(400) % 2


def answers(correct, confidence=0.9):
    """Probabilities [400, 2] of an adversary that is right in the first images of 400."""
    shown = torch.where(torch.arange(400) < correct, LABELS, 1 - LABELS)
    return torch.where(shown[:, None] == torch.arange(2), confidence, 1 - confidence).double()


def observed(adversary, fixed=None, queries=(1,)):
    """Observations of an adversary [queries, 400, 2] and of the fixed classifier."""
    probabilities = {"one": {"valid": adversary, "test": adversary}}
    scores = {"accuracy": accuracy, "leaked_bits": leaked_bits}
    frequencies = class_frequencies(LABELS)
    observations = observations_of(probabilities, LABELS)
    outputs = None
    if fixed is not None:
        censored = Outputs({"s": fixed}, torch.zeros(400, 1), None)
        nothing = torch.zeros(400)
        outputs = TestOutputs(censored, censored, [1], nothing, nothing, None)
    return replace(
        observations,
        bootstrap=Bootstrap(200, 0),
        predictions=predict_all(probabilities, LABELS, frequencies, queries, scores),
        outputs=outputs,
    )


def test_a_fixed_classifier_that_is_more_accurate_than_the_adversaries_gives_a_warning():
    (warning,) = fixed_classifier_warnings(observed(answers(280)[None], fixed=answers(320)))
    assert "recognizes it in 80.0% of them, 10.0 points [" in warning
    assert "judge.max_epochs" in warning


@pytest.mark.parametrize("fixed", [answers(200), answers(280), answers(281), None])
def test_a_fixed_classifier_that_is_not_clearly_better_gives_no_warning(fixed):
    assert fixed_classifier_warnings(observed(answers(280)[None], fixed)) == []


def test_more_queries_that_clearly_help_give_a_warning():
    """Each query shows s with probability 0.7; a second one adds information."""
    rng = torch.Generator().manual_seed(0)
    shown = torch.where(torch.rand(4, 400, generator=rng) < 0.7, LABELS, 1 - LABELS)
    adversary = torch.where(shown[..., None] == torch.arange(2), 0.7, 0.3).double()
    (warning,) = query_warnings(observed(adversary, queries=(1, 4)))
    assert warning.startswith("more queries still help: with 4 censored versions of an image, one ")
    assert "more than with 1;" in warning
    assert warning.endswith("judge.queries=[1,4,16]")


def test_queries_that_add_nothing_give_no_warning():
    same = answers(280).expand(4, -1, -1)
    assert query_warnings(observed(same, queries=(1, 4))) == []
    assert query_warnings(observed(same[:1], queries=(1,))) == []


def curve(*bits, reach=0.005):
    stages = [
        Stage(2**number, 2000 * 2**number, Estimate(value, value - reach, value + reach))
        for number, value in enumerate(bits)
    ]
    return LearningCurve(tuple(stages), "done")


def test_an_adversary_that_learns_nothing_where_another_learns_much_gives_a_warning():
    curves = {"censored": {"good": curve(0.1, 0.2), "bad": curve(0.0, -0.01)}, "original": {}}
    (warning,) = underfit_warnings(curves, "Smiling")
    assert warning.startswith(
        "bad learned next to nothing about Smiling from censored images in 2 epochs (0.000 bits "
        "[-0.005, 0.005]), but good learned 0.200 bits"
    )
    assert "judge.adversaries.bad.recipe.optimizer.lr" in warning


@pytest.mark.parametrize(
    "curves",
    [
        {"one": curve(0.0), "other": curve(-0.01)},  # nothing leaks
        {"one": curve(0.02), "other": curve(0.0)},  # hardly anything leaks
        {"one": curve(0.2), "other": curve(0.02)},  # the other is weaker, but learns
        {"one": curve(0.2), "other": curve(0.0, 0.15)},  # it learns late
        {"one": curve(0.2), "retrained": curve(0.0)},  # predicts other attributes
        {"one": curve(0.2), "fitted": LearningCurve((), "done")},
        {},
    ],
)
def test_other_curves_give_no_warning(curves):
    assert underfit_warnings({"censored": curves}, "Smiling") == []


def test_an_adversary_that_finds_something_in_permuted_labels_gives_a_warning():
    found = Estimate(0.62, 0.6, 0.64), Estimate(0.04, 0.03, 0.05)
    failed = PermutedLabels("pca_mlp", *found, 0.506, p_value=0.0002)
    (warning,) = control_warnings(Controls({}, (failed,)))
    assert warning.startswith("the judge is broken: ")
    assert "pca_mlp 62.0% accuracy (majority baseline 50.6%) and 0.040 bits" in warning
    assert control_warnings(Controls({}, (replace(failed, p_value=0.01),))) == []
    assert control_warnings(None) == []
