"""Predictions for the test images: the input of every metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from privacy_gan.attributes import IGNORED
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.metrics.metric import Score
from privacy_gan.evaluation.outputs import TestOutputs
from privacy_gan.evaluation.predictions import (
    AdversaryPredictions,
    QueryProbabilities,
    select_strongest,
)
from privacy_gan.runs.data_scaling import DataScaling
from privacy_gan.runs.estimate import Estimate

MAX_OTHERS = 10  # attributes from which the correlation baseline predicts another one


@dataclass
class Observations:
    """What adversaries and classifiers predict for the test images.

    Attributes:
        attribute: the sensitive attribute, s.
        classes: names of its values.
        utilities: the utility attributes.
        train_labels: training labels of all these attributes, [N] by attribute; ``IGNORED`` where
            an image has no value of a utility attribute.
        test_labels: test labels, [M] by attribute.
        bootstrap: computes the intervals.
        scores: scores of adversaries by name, see ``metrics.build_scores``.
        probabilities: what the adversaries predict from each query.
        predictions: the same, combined, at every number of queries.
        paper_probabilities: what the paper's adversary predicts from one query, [M, C] by
            "censored" and "original" images; empty without it.
        original_probabilities: what the same adversaries predict for original images after training
            on original images; None without originals.
        original_predictions: the same, combined, from one query.
        outputs: outputs of the fixed classifiers; None without originals.
        retrained: classes predicted by a classifier trained on censored images, [M] by utility
            attribute; empty without one.
        retrained_on_originals: classes predicted for original images by the same kind of classifier
            trained on original images, or None.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: number of images over which the budget bounds the mean distortion.
        discriminator_bits: bits about s that the filter's discriminator h_f has on validation
            images, or None.
        data_scaling: what an adversary finds with fewer and may find with more images, or None.
        code_length: bits per training image that it takes to send s, see metrics/code_length.py, or
            None.
    """

    attribute: str
    classes: tuple[str, ...]
    utilities: tuple[str, ...]
    train_labels: Mapping[str, Tensor]
    test_labels: Mapping[str, Tensor]
    bootstrap: Bootstrap
    scores: Mapping[str, Score]
    probabilities: QueryProbabilities = field(default_factory=dict)
    predictions: list[AdversaryPredictions] = field(default_factory=list)
    paper_probabilities: Mapping[str, Tensor] = field(default_factory=dict)
    original_probabilities: QueryProbabilities | None = None
    original_predictions: list[AdversaryPredictions] | None = None
    outputs: TestOutputs | None = None
    retrained: Mapping[str, Tensor] = field(default_factory=dict)
    retrained_on_originals: Mapping[str, Tensor] | None = None
    epsilon: float | None = None
    epsilon_batch_size: int = 1
    discriminator_bits: float | None = None
    data_scaling: DataScaling | None = None
    code_length: Estimate | None = None

    def __post_init__(self) -> None:
        self.labels = self.test_labels[self.attribute]
        self.frequencies = class_frequencies(self.train_labels[self.attribute], len(self.classes))
        self._estimates: dict[tuple[str, str, int], Estimate | None] = {}
        self._correlation_probabilities: dict[str, Tensor] = {}

    def score(self, name: str, probabilities: Tensor) -> Estimate | None:
        """Return the score with this name of probabilities [M, C] of s."""
        statistic = partial(self.scores[name], frequencies=self.frequencies)
        return self.bootstrap.percentile(statistic, probabilities, self.labels)

    def strongest(self, score: str) -> AdversaryPredictions:
        """Return the predictions of the adversary with the best score on validation images."""
        return select_strongest(self.predictions, score)

    def score_of(self, score: str, adversary: AdversaryPredictions) -> Estimate | None:
        """Return an adversary's score, computed once."""
        key = (score, adversary.adversary, adversary.queries)
        if key not in self._estimates:
            self._estimates[key] = self.score(score, adversary.by_score[score].test)
        return self._estimates[key]

    def strongest_on_originals(self, score: str) -> AdversaryPredictions | None:
        """Return the strongest adversary's predictions on original images, None without them."""
        if self.original_predictions is None:
            return None
        return select_strongest(self.original_predictions, score)

    def majority_probabilities(self, name: str) -> Tensor:
        """Return an attribute's class frequencies in training, repeated per image, [M, C]."""
        labels = self.train_labels[name]
        frequencies = class_frequencies(labels, self.num_classes(name))
        return frequencies.expand(len(self.labels), -1)

    def correlation_probabilities(self, name: str) -> Tensor:
        """Return an attribute's probabilities given all other measured attributes, [M, C]."""
        if name not in self._correlation_probabilities:
            self._correlation_probabilities[name] = self._predict_from_others(name)
        return self._correlation_probabilities[name]

    def _predict_from_others(self, name: str) -> Tensor:
        others = [other for other in self.train_labels if other != name]
        if not others:
            return self.majority_probabilities(name)
        return correlation_baseline(
            self.train_labels[name],
            torch.stack([self.train_labels[other] for other in others], dim=1),
            torch.stack([self.test_labels[other] for other in others], dim=1),
            self.num_classes(name),
        )

    def num_classes(self, name: str) -> int:
        """Return the number of values of an attribute."""
        if name == self.attribute:
            return len(self.classes)
        both = (self.train_labels, self.test_labels)
        return max(2, *(int(labels[name].max()) + 1 for labels in both))


def class_frequencies(labels: Tensor, num_classes: int = 2) -> Tensor:
    """Return the frequencies of the classes among labels [N] that are known, float64 [C]."""
    labels = labels[labels != IGNORED]
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def mutual_information(one: Tensor, other: Tensor) -> float:
    """Return the mutual information of two columns of labels [N], in nats."""
    rows, columns = (torch.unique(each, return_inverse=True)[1] for each in (one, other))
    width = int(columns.max()) + 1
    cells = torch.bincount(rows * width + columns, minlength=(int(rows.max()) + 1) * width)
    joint = cells.double().view(-1, width) / len(one)
    independent = joint.sum(dim=1, keepdim=True) * joint.sum(dim=0)
    return float(torch.special.xlogy(joint, joint / independent).nan_to_num().sum())


def correlation_baseline(
    train_labels: Tensor, train_others: Tensor, test_others: Tensor, num_classes: int = 2
) -> Tensor:
    """Predict an attribute from the other attributes alone.

    That an image has no value of another attribute counts as a value. Of more than ``MAX_OTHERS``
    attributes, those with the most mutual information in training are used: with all, nearly every
    image would have a combination of values that no other image has.

    For each combination of the others' values (64 for six binary attributes), the prediction is the
    attribute's class frequencies among its training images plus one pseudo-image with the overall
    frequencies. A combination that does not occur in training thus gets the overall frequencies.

    Args:
        train_labels: the attribute's training labels, [N]; images without one are skipped.
        train_others: training labels of the other attributes, [N, A].
        test_others: labels of the other attributes of the images to predict, [M, A].
        num_classes: number of values of the attribute.

    Returns:
        Probabilities, float64 [M, C]. A mechanism that leaves the other attributes readable cannot
        push an adversary below what these achieve.
    """
    known = train_labels != IGNORED
    if train_others.shape[1] > MAX_OTHERS:
        bits = [mutual_information(train_labels[known], column[known]) for column in train_others.T]
        chosen = torch.tensor(bits).argsort(descending=True, stable=True)[:MAX_OTHERS]
        train_others, test_others = train_others[:, chosen], test_others[:, chosen]
    cells, indices = torch.unique(
        torch.cat([train_others, test_others]), dim=0, return_inverse=True
    )
    train_cells, test_cells = indices.split([len(train_others), len(test_others)])
    train_cells, train_labels = train_cells[known], train_labels[known]
    counts = class_frequencies(train_labels, num_classes).expand(len(cells), -1).clone()
    ones = torch.ones(len(train_labels), dtype=torch.float64)
    counts.index_put_((train_cells, train_labels), ones, accumulate=True)
    return (counts / counts.sum(dim=1, keepdim=True))[test_cells]
