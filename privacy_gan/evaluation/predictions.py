"""What adversaries predict for images that they have not seen, and which of them is strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from privacy_gan.evaluation.calibration import calibrate, log_of
from privacy_gan.evaluation.metrics.bootstrap import of_all
from privacy_gan.evaluation.metrics.metric import LEAKED_BITS, Score

# by adversary and split ("valid" and "test"): probabilities, float64 [queries, N, C]
Answers = dict[str, dict[str, Tensor]]

CALIBRATED = ", calibrated"  # how such a method's name ends


class Prediction(NamedTuple):
    """What an adversary predicts where one score is to be as good as it can be.

    Attributes:
        valid: the score on the validation split.
        test: probabilities on the test split, [N, C].
        method: how its answers to several queries were combined, in words.
    """

    valid: float
    test: Tensor
    method: str


@dataclass(frozen=True)
class AdversaryPredictions:
    """What one adversary predicts after one number of queries.

    Attributes:
        adversary: its name.
        queries: censored versions of each image that it saw.
        by_score: its predictions, by the score that they are best in.
    """

    adversary: str
    queries: int
    by_score: dict[str, Prediction]


def predict_all(
    answers: Answers,
    labels: Tensor,
    prior: Tensor,
    queries: Sequence[int],
    scores: Mapping[str, Score],
) -> list[AdversaryPredictions]:
    """Return every adversary's predictions at every number of queries.

    Args:
        answers: of the adversaries.
        labels: s of the validation split, [N].
        prior: frequencies of s in training, [C].
        queries: how many answers to combine, the first ones.
        scores: by name.
    """
    return [
        AdversaryPredictions(
            name, times, predict(seen["valid"][:times], seen["test"][:times], labels, prior, scores)
        )
        for name, seen in answers.items()
        for times in queries
    ]


def predict(
    valid: Tensor, test: Tensor, labels: Tensor, prior: Tensor, scores: Mapping[str, Score]
) -> dict[str, Prediction]:
    """Combine answers, for each score by the method that is best in it on validation images.

    Args:
        valid: answers on the validation split, probabilities [K, N, C].
        test: on the test split, [K, M, C].
        labels: of the validation split, [N].
        prior: frequencies in training, [C].
        scores: by name.
    """
    methods: dict[str, tuple[Tensor, Tensor]] = {}
    at_test = combined(test)
    for name, at_valid in combined(valid).items():
        calibration = calibrate(at_valid, labels)
        methods[name] = at_valid, at_test[name]
        methods[f"{name}{CALIBRATED}"] = (
            calibration.apply(at_valid),
            calibration.apply(at_test[name]),
        )
    predictions = {}
    for score, of in scores.items():
        score_of = partial(of, prior=prior)
        values = {
            method: of_all(score_of, on_valid, labels) for method, (on_valid, _) in methods.items()
        }
        best = max(values, key=values.__getitem__)
        predictions[score] = Prediction(values[best], methods[best][1], best)
    return predictions


def combined(answers: Tensor) -> dict[str, Tensor]:
    """Return what several answers amount to, [N, C], by each method of combining them.

    The sum of log-odds is right where the censored versions of an image are independent given s;
    the mean is better where one answer may be sure and wrong.

    Args:
        answers: probabilities [K, N, C].
    """
    if len(answers) == 1:
        return {"as answered": answers[0]}
    return {
        "mean": answers.mean(dim=0),
        "sum of log-odds": F.softmax(log_of(answers).sum(dim=0), dim=1),
    }


def strongest(predictions: Sequence[AdversaryPredictions], score: str) -> AdversaryPredictions:
    """Return those that are strongest in a score on the validation split, never on test.

    Of equal ones the most informative are taken, then the first: with few queries.
    """
    return max(
        predictions,
        key=lambda each: (each.by_score[score].valid, each.by_score[LEAKED_BITS].valid),
    )
