"""What the strongest adversary finds within each value of each other attribute.

It is one adversary for all slices, the most accurate one on all validation images, so that slices
are comparable and none is chosen by its test images. An adversary that also knows the slice weighs
the classes by their frequencies in it. Where an image does not show the slice, predictions
already assume the frequencies of all images, and where it does, those of the slice. The weights for
the balanced accuracy are whichever of the two are better on validation images of the slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from privacy_gan.evaluation.metrics.bootstrap import compute_on_all
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE, balanced_accuracy
from privacy_gan.evaluation.metrics.samples import mean
from privacy_gan.evaluation.observations import Observations, class_frequencies
from privacy_gan.evaluation.predictions import CALIBRATED, AdversaryPredictions, combinations
from privacy_gan.models.calibration import calibrate
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.slices import Slice, Slices

MIN_IMAGES = 30  # test images in a slice
MIN_OF_CLASS = 10  # test images of each class that occurs in it: of fewer, recall is chance


def measure_slices(
    observations: Observations,
    valid_labels: Mapping[str, Tensor],
    classes: Mapping[str, tuple[str, ...]],
) -> Slices:
    """Return what the strongest adversary finds in each slice.

    Args:
        observations: predictions of all adversaries.
        valid_labels: validation labels of s and all utility attributes, [N] by attribute.
        classes: names of the utility attributes' values.
    """
    strongest = observations.strongest(ACCURACY_SCORE)
    slicing = Slicing(observations, strongest, valid_labels)
    return Slices(
        strongest.adversary,
        strongest.queries,
        slicing.measure("", -1, ""),
        tuple(
            slicing.measure(attribute, value, name)
            for attribute in observations.utilities
            for value, name in enumerate(classes[attribute])
        ),
    )


class Slicing:
    """Measures what one adversary finds in single slices.

    Args:
        observations: predictions of all adversaries.
        strongest: predictions of this adversary.
        valid_labels: validation labels, [N] by attribute.
    """

    def __init__(
        self,
        observations: Observations,
        strongest: AdversaryPredictions,
        valid_labels: Mapping[str, Tensor],
    ) -> None:
        s = observations.attribute
        self.observations = observations
        self.labels = {
            "train": observations.train_labels,
            "valid": valid_labels,
            "test": observations.test_labels,
        }
        self.test = strongest.by_score[ACCURACY_SCORE].test
        self.valid = validation_probabilities(observations, strongest, valid_labels[s])

    def measure(self, attribute: str, value: int, name: str) -> Slice:
        """Return what the adversary finds in one slice; in all images for attribute ""."""
        rows = {split: self.select(split, attribute, value) for split in self.labels}
        count = len(rows["test"])
        if attribute and (reason := self.reason_to_leave_out(rows["test"])):
            return Slice(attribute, name, count, left_out=reason)
        frequencies = self.frequencies(rows["train"])
        right = self.test.argmax(dim=1) == self.observations.labels
        guessed = self.observations.labels == frequencies.argmax()
        return Slice(
            attribute,
            name,
            count,
            self.mean_within(rows["test"], right),
            self.mean_within(rows["test"], guessed),
            self.balanced_accuracy(rows, frequencies),
        )

    def select(self, split: str, attribute: str, value: int) -> Tensor:
        """Return the positions of a slice's images in a split, [K]."""
        labels = self.labels[split]
        if not attribute:
            return torch.arange(len(labels[self.observations.attribute]))
        return (labels[attribute] == value).nonzero().squeeze(1)

    def reason_to_leave_out(self, rows: Tensor) -> str:
        """Return why too little can be said about test images with these positions, or ""."""
        if len(rows) < MIN_IMAGES:
            return f"fewer than {MIN_IMAGES} images"
        numbers = torch.bincount(self.observations.labels[rows])
        numbers = numbers[numbers > 0]
        if len(numbers) < 2:
            return "only one class"
        return "" if int(numbers.min()) >= MIN_OF_CLASS else f"fewer than {MIN_OF_CLASS} of a class"

    def frequencies(self, rows: Tensor) -> Tensor:
        """Return the class frequencies of s in training images, [C]; of all if there are none."""
        if len(rows) == 0:
            return self.observations.frequencies
        labels = self.labels["train"][self.observations.attribute][rows]
        return class_frequencies(labels, len(self.observations.classes))

    def mean_within(self, rows: Tensor, column: Tensor) -> Estimate | None:
        """Return the mean of a column [N] over test images with these positions."""
        inside = torch.zeros(len(column), dtype=torch.float64)
        inside[rows] = 1
        return self.observations.bootstrap.percentile(
            lambda weights, values: mean(weights, values) / mean(weights, inside), column * inside
        )

    def balanced_accuracy(self, rows: Mapping[str, Tensor], frequencies: Tensor) -> Estimate | None:
        """Return the balanced accuracy in a slice with these positions of its images by split."""
        labels = {split: each[self.observations.attribute] for split, each in self.labels.items()}
        overall = self.observations.frequencies
        chosen = overall
        if len(inside := rows["valid"]) > 0 and bool((frequencies > 0).all()):
            statistics = [partial(balanced_accuracy, frequencies=f) for f in (overall, frequencies)]
            columns = self.valid[inside], labels["valid"][inside]
            values = [compute_on_all(statistic, *columns) for statistic in statistics]
            chosen = frequencies if values[1] > values[0] else overall
        none = len(chosen)  # a class that is never counted, for images outside the slice
        truth = torch.full_like(labels["test"], none)
        truth[rows["test"]] = labels["test"][rows["test"]]
        statistic = partial(balanced_accuracy, frequencies=chosen)
        return self.observations.bootstrap.percentile(statistic, self.test, truth)


def validation_probabilities(
    observations: Observations, strongest: AdversaryPredictions, labels: Tensor
) -> Tensor:
    """Return what an adversary predicts for validation images, combined as for test images, [N, C].

    Args:
        observations: predictions of all adversaries.
        strongest: predictions of this adversary.
        labels: s on the validation split, [N].
    """
    queries = observations.probabilities[strongest.adversary]["valid"][: strongest.queries]
    method = strongest.by_score[ACCURACY_SCORE].method
    combined = combinations(queries)[method.removesuffix(CALIBRATED)]
    if not method.endswith(CALIBRATED):
        return combined
    return calibrate(combined, labels).apply(combined)
