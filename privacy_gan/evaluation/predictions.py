"""What adversaries predict for unseen images, and the choice of the strongest adversary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.metric import LEAKED_BITS, Score
from privacy_gan.models.calibration import calibrate, clamped_log

# by network and split ("valid" and "test"): probabilities, float64 [queries, N, C]
QueryProbabilities = dict[str, dict[str, Tensor]]

CALIBRATED = ", calibrated"  # suffix of the names of methods that calibrate


class Prediction(NamedTuple):
    """An adversary's predictions, combined by the method that is best in one score.

    Attributes:
        valid: the score on the validation split.
        test: probabilities on the test split, [N, C].
        method: name of the method that combined the queries.
    """

    valid: float
    test: Tensor
    method: str


@dataclass(frozen=True)
class AdversaryPredictions:
    """What one adversary predicts from one number of queries.

    Attributes:
        adversary: name of the adversary.
        queries: number of censored versions of each image that it saw.
        by_score: its predictions by the score for which they were combined.
    """

    adversary: str
    queries: int
    by_score: dict[str, Prediction]


def predict_all(
    probabilities: QueryProbabilities,
    labels: Tensor,
    frequencies: Tensor,
    queries: Sequence[int],
    scores: Mapping[str, Score],
) -> list[AdversaryPredictions]:
    """Return every adversary's predictions at every number of queries.

    Args:
        probabilities: what the adversaries predict from each query.
        labels: s on the validation split, [N].
        frequencies: class frequencies of s in the training split, [C].
        queries: numbers of queries to combine, starting with the first query.
        scores: scores by name.
    """
    return [
        AdversaryPredictions(
            name,
            number,
            combine_queries(
                splits["valid"][:number], splits["test"][:number], labels, frequencies, scores
            ),
        )
        for name, splits in probabilities.items()
        for number in queries
    ]


def combine_queries(
    valid: Tensor, test: Tensor, labels: Tensor, frequencies: Tensor, scores: Mapping[str, Score]
) -> dict[str, Prediction]:
    """Combine queries, for each score by the method that is best on the validation split.

    Args:
        valid: probabilities on the validation split, [K, N, C].
        test: probabilities on the test split, [K, M, C].
        labels: labels of the validation split, [N].
        frequencies: class frequencies in the training split, [C].
        scores: scores by name.
    """
    methods: dict[str, tuple[Tensor, Tensor]] = {}
    on_test = combinations(test)
    for name, on_valid in combinations(valid).items():
        calibration = calibrate(on_valid, labels)
        methods[name] = on_valid, on_test[name]
        methods[f"{name}{CALIBRATED}"] = (
            calibration.apply(on_valid),
            calibration.apply(on_test[name]),
        )
    predictions = {}
    for name, score in scores.items():
        statistic = partial(score, frequencies=frequencies)
        values = {
            method: compute_on_all(statistic, on_valid, labels)
            for method, (on_valid, _) in methods.items()
        }
        best = max(values, key=values.__getitem__)
        predictions[name] = Prediction(values[best], methods[best][1], best)
    return predictions


def combinations(probabilities: Tensor) -> dict[str, Tensor]:
    """Combine several queries into one prediction, [N, C], by each method.

    The sum of log-odds is optimal when the censored versions of an image are independent given s.
    The mean is better when single predictions can be confident and wrong.

    Args:
        probabilities: probabilities from each query, [K, N, C].
    """
    if len(probabilities) == 1:
        return {"as answered": probabilities[0]}
    return {
        "mean": probabilities.mean(dim=0),
        "sum of log-odds": F.softmax(clamped_log(probabilities).sum(dim=0), dim=1),
    }


def select_strongest(
    predictions: Sequence[AdversaryPredictions], score: str
) -> AdversaryPredictions:
    """Return the predictions with the best score on the validation split, never on the test split.

    Ties are broken by the leaked bits, then by order: fewer queries come first.
    """
    return max(
        predictions,
        key=lambda each: (each.by_score[score].valid, each.by_score[LEAKED_BITS].valid),
    )
