"""All that was seen of the test images: what metrics are functions of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.metrics.metric import Score
from privacy_gan.evaluation.outputs import TestOutputs
from privacy_gan.evaluation.predictions import AdversaryPredictions, Answers, strongest
from privacy_gan.runs.result import Estimate


@dataclass
class Observations:
    """What adversaries and classifiers make of the test images.

    Attributes:
        attribute: the sensitive one, s.
        classes: what its values are called.
        utilities: the utility attributes.
        train_labels: of all these, [N] by attribute.
        test_labels: likewise, [M].
        bootstrap: for the intervals.
        scores: of adversaries, by name, see ``metrics.scores_for``.
        answers: of the adversaries, see ``Answers``.
        predictions: what adversaries make of these, at every number of queries.
        original_answers: of the same adversaries after learning from original images, on such; None
            where there are none.
        original_predictions: what they make of these, at one query.
        outputs: of the fixed classifiers; None where there are no original images.
        retrained: classes that a classifier predicts that learned from censored images, [M] by
            utility attribute; none without one.
        retrained_on_originals: those of one that learned from original images, on such, or None.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: images whose mean distortion the budget was meant for.
        discriminator_bits: what the filter's discriminator h_f knows of s in validation images, or
            None.
    """

    attribute: str
    classes: tuple[str, ...]
    utilities: tuple[str, ...]
    train_labels: Mapping[str, Tensor]
    test_labels: Mapping[str, Tensor]
    bootstrap: Bootstrap
    scores: Mapping[str, Score]
    answers: Answers = field(default_factory=dict)
    predictions: list[AdversaryPredictions] = field(default_factory=list)
    original_answers: Answers | None = None
    original_predictions: list[AdversaryPredictions] | None = None
    outputs: TestOutputs | None = None
    retrained: Mapping[str, Tensor] = field(default_factory=dict)
    retrained_on_originals: Mapping[str, Tensor] | None = None
    epsilon: float | None = None
    epsilon_batch_size: int = 1
    discriminator_bits: float | None = None

    def __post_init__(self) -> None:
        self.labels = self.test_labels[self.attribute]
        self.frequencies = prior(self.train_labels[self.attribute], len(self.classes))
        self._estimates: dict[tuple[str, str, int], Estimate | None] = {}
        self._floors: dict[str, Tensor] = {}

    def score(self, name: str, probabilities: Tensor) -> Estimate | None:
        """Return a score of probabilities [M, C] of s, by the score's name."""
        score = partial(self.scores[name], prior=self.frequencies)
        return self.bootstrap.percentile(score, probabilities, self.labels)

    def strongest(self, score: str) -> AdversaryPredictions:
        """Return what the strongest adversary in a score on validation images predicts."""
        return strongest(self.predictions, score)

    def score_of(self, score: str, adversary: AdversaryPredictions) -> Estimate | None:
        """Return an adversary's score, which is taken once."""
        key = (score, adversary.adversary, adversary.queries)
        if key not in self._estimates:
            self._estimates[key] = self.score(score, adversary.by_score[score].test)
        return self._estimates[key]

    def strongest_on_originals(self, score: str) -> AdversaryPredictions | None:
        """Return likewise who is strongest on original images, None where there are none."""
        if self.original_predictions is None:
            return None
        return strongest(self.original_predictions, score)

    def prior_of(self, name: str) -> Tensor:
        """Return the frequencies of an attribute's values in training, for each image, [M, C]."""
        labels = self.train_labels[name]
        return prior(labels, self.num_classes(name)).expand(len(self.labels), -1)

    def floor_of(self, name: str) -> Tensor:
        """Return an attribute's probabilities from all other measured attributes, [M, C]."""
        if name not in self._floors:
            self._floors[name] = self._floor_of(name)
        return self._floors[name]

    def _floor_of(self, name: str) -> Tensor:
        others = [other for other in self.train_labels if other != name]
        if not others:
            return self.prior_of(name)
        return correlation_floor(
            self.train_labels[name],
            torch.stack([self.train_labels[other] for other in others], dim=1),
            torch.stack([self.test_labels[other] for other in others], dim=1),
            self.num_classes(name),
        )

    def num_classes(self, name: str) -> int:
        """Return how many values an attribute has."""
        if name == self.attribute:
            return len(self.classes)
        return max(2, *(int(of[name].max()) + 1 for of in (self.train_labels, self.test_labels)))


def prior(labels: Tensor, num_classes: int = 2) -> Tensor:
    """Return the classes' frequencies among labels [N], float64 [C]."""
    return torch.bincount(labels, minlength=num_classes).double() / len(labels)


def correlation_floor(
    train_labels: Tensor, train_others: Tensor, test_others: Tensor, num_classes: int = 2
) -> Tensor:
    """Predict an attribute from the other attributes alone: their correlation with it.

    Each combination of the others (64 of six binary ones) predicts the frequencies that it has in
    training, with one image more, spread like all images: so a combination that does not occur
    there predicts the frequencies of all.

    Args:
        train_labels: the attribute, [N].
        train_others: the other attributes, [N, A].
        test_others: the same of the images to predict, [M, A].
        num_classes: values of the attribute.

    Returns:
        Probabilities, float64 [M, C]. A mechanism that leaves the other attributes readable cannot
        push an adversary below what these achieve.
    """
    cells, place = torch.unique(torch.cat([train_others, test_others]), dim=0, return_inverse=True)
    train_place, test_place = place.split([len(train_others), len(test_others)])
    counts = prior(train_labels, num_classes).expand(len(cells), -1).clone()
    ones = torch.ones(len(train_labels), dtype=torch.float64)
    counts.index_put_((train_place, train_labels), ones, accumulate=True)
    return (counts / counts.sum(dim=1, keepdim=True))[test_place]
