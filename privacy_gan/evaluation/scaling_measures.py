"""What the winner's trainings on fewer images say: points, a forecast and the code length of s.

The prequential code length of s given x' (Voita and Titov, 2020; Whitney et al., 2020, for the loss
as a curve over the number of images) is the number of bits per image that it takes to send s to a
receiver who has the censored images and the adversary's recipe. A code for the class frequencies
sends s of the first block of images. Then both sides train the adversary on what was sent, and its
predictions code the next block. The fewer bits it takes, the more is leaked, or the more easily it
is learned. Voita and Titov use more blocks, from 0.1% of the images on, which gives a shorter code
if few images are enough to learn, and a uniform code for the first block. With a code for the
frequencies, the code length is the entropy of s where nothing is leaked, whatever these are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.binormal import accuracy_from_bits
from privacy_gan.evaluation.data_scaling import SmallerTrainings, signed_bits
from privacy_gan.evaluation.metrics.bootstrap import CHUNK_SIZE, TAIL, Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.metric import Score
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE, accuracy
from privacy_gan.evaluation.metrics.samples import negative_log_likelihood
from privacy_gan.evaluation.observations import Observations, class_frequencies
from privacy_gan.evaluation.outcomes import Outcome
from privacy_gan.evaluation.power_law import Floats, extrapolate
from privacy_gan.evaluation.predictions import combine_queries
from privacy_gan.evaluation.stopping import entropy_bits, mean_estimate
from privacy_gan.models.calibration import calibrate
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.data_scaling import DataScaling, Forecast, ScalingPoint
from privacy_gan.runs.estimate import Estimate

FACTOR = 10  # of the number of training images, for the forecast

# Trainings with other seeds find other bits, which a bootstrap over test images cannot show. Their
# variance is taken to be that of the mean over this number of test images. Measured on faces of
# CelebA (Smiling, 16 pixels, noise of 0.15) with a small convolutional network, from the standard
# deviation of the bits of four trainings on 2,000 images (0.018) and of three on 500 (0.017),
# compared with the standard error of their differences on 3,000 test images (0.011 in both).
TRAINING_IMAGES = 600
BITS_SCORE = "bits"


class Resampled(NamedTuple):
    """A statistic of each point, on all test images [K] and in bootstrap samples of them [R, K]."""

    values: Floats
    samples: Floats

    def estimate(self, point: int) -> Estimate:
        """Return the value of a point with its 95% interval."""
        low, high = np.quantile(self.samples[:, point], [TAIL, 1 - TAIL])
        return Estimate(float(self.values[point]), float(low), float(high))

    def with_training_error(self, images: int, seed: int) -> Resampled:
        """Return the statistic with samples that also vary as if the networks were trained again.

        Args:
            images: number of test images.
            seed: seed of these errors.
        """
        # of a point, without what all points have in common
        variance = np.var(self.samples - self.samples.mean(axis=1, keepdims=True), axis=0).mean()
        variance *= len(self.values) / (len(self.values) - 1)
        rng = np.random.default_rng(seed)
        errors = rng.standard_normal(self.samples.shape)
        error = math.sqrt(variance * images / TRAINING_IMAGES)
        return self._replace(samples=self.samples + error * errors)


def measure_scaling(
    attack: Attack,
    smaller: SmallerTrainings,
    full: Mapping[str, Tensor],
    ending: str,
    bootstrap: Bootstrap,
) -> DataScaling:
    """Return what the winner finds with fewer images and what it may find with more.

    Args:
        attack: the attack on all training images.
        smaller: what ``train_on_subsets`` returned.
        full: what the winner predicts after training on all images, [queries, N, C] by split.
        ending: why its training on all images ended, see ``LearningCurve``.
        bootstrap: resamples the test images.
    """
    datamodule = attack.source.datamodule
    column = datamodule.column(attack.attribute)
    labels = {split: datamodule.labels(split)[:, column] for split in ("train", "valid", "test")}
    frequencies = class_frequencies(labels["train"], len(datamodule.classes(attack.attribute)))
    scores: dict[str, Score] = {BITS_SCORE: signed_bits, ACCURACY_SCORE: accuracy}
    combined = []
    for splits in (*smaller.predictions, full):
        valid, test = (splits[split][: smaller.winner.queries] for split in ("valid", "test"))
        found = combine_queries(valid, test, labels["valid"], frequencies, scores)
        combined.append({name: prediction.test for name, prediction in found.items()})

    def resampled(score: str) -> Resampled:
        columns = [each[score] for each in combined]
        return resample(bootstrap, scores[score], columns, labels["test"], frequencies)

    bits, accuracies = resampled(BITS_SCORE), resampled(ACCURACY_SCORE)
    sizes = np.cumsum([len(block) for block in smaller.blocks])
    endings = [*(each["ending"] for each in smaller.predictions), ending]
    points = tuple(
        ScalingPoint(
            int(size), bits.estimate(index), accuracies.estimate(index), endings[index] == "done"
        )
        for index, size in enumerate(sizes)
    )
    retrained = bits.with_training_error(
        len(labels["test"]), keyed_seed(attack.seed, Purpose.DATA_SCALING, 1)
    )
    growth = np.quantile(retrained.samples[:, -1] - retrained.samples[:, 0], TAIL)
    forecast = predict(sizes, bits, retrained, accuracies, labels["test"], attack.seed)
    return DataScaling(*smaller.winner, points, bool(growth > 0), forecast)


def resample(
    bootstrap: Bootstrap,
    score: Score,
    columns: Sequence[Tensor],
    labels: Tensor,
    frequencies: Tensor,
) -> Resampled:
    """Return the score of several predictions [M, C] of the same images in the same samples."""
    chunks = torch.split(bootstrap.weights(len(labels)), CHUNK_SIZE)
    statistic = partial(score, frequencies=frequencies)
    values = [compute_on_all(statistic, column, labels) for column in columns]
    samples = [
        torch.cat([statistic(chunk.double(), column, labels) for chunk in chunks])
        for column in columns
    ]
    return Resampled(np.array(values), torch.stack(samples, dim=1).numpy())


def predict(
    sizes: npt.NDArray[np.int64],
    bits: Resampled,
    retrained: Resampled,
    accuracies: Resampled,
    labels: Tensor,
    seed: int,
) -> Forecast:
    """Return the forecast for ten times as many images as the last point has.

    The accuracy is that of the last point plus what the binormal model gives for the additional
    bits.

    Args:
        sizes: number of training images of each point.
        bits: bits of the points.
        retrained: the same with the errors of their trainings.
        accuracies: accuracies of the points.
        labels: s of the test images.
        seed: seed of the draws.
    """
    target = FACTOR * int(sizes[-1])
    entropy = entropy_bits(labels)
    seed = keyed_seed(seed, Purpose.DATA_SCALING)
    drawn = extrapolate(sizes, retrained.values, retrained.samples, entropy, target, seed)
    accuracy = None
    if int(labels.max()) < 2:
        frequency = float(labels.double().mean())
        gain = accuracy_from_bits(drawn, frequency) - accuracy_from_bits(
            bits.samples[:, -1], frequency
        )
        accuracy = median_and_range(np.clip(accuracies.samples[:, -1] + gain, 0, 1))
    return Forecast(target, median_and_range(drawn), accuracy)


def median_and_range(draws: Floats) -> Estimate:
    """Return the median of draws with the range of 95% of them."""
    low, median, high = np.quantile(draws, [TAIL, 0.5, 1 - TAIL])
    return Estimate(float(median), float(low), float(high))


def measure_code_length(attack: Attack, smaller: SmallerTrainings) -> Estimate:
    """Return the prequential code length of s given x', in bits per training image.

    The interval is over the choice of images, or of persons if they are known.

    Args:
        attack: the attack on all training images.
        smaller: what ``train_on_subsets`` returned.
    """
    datamodule = attack.source.datamodule
    column = datamodule.column(attack.attribute)
    labels = datamodule.labels("train")[:, column]
    valid = datamodule.labels("valid")[:, column]
    frequencies = class_frequencies(labels, len(datamodule.classes(attack.attribute)))
    positions = [np.searchsorted(datamodule.rows("train"), block) for block in smaller.blocks]
    bits = negative_log_likelihood(frequencies.expand(len(labels), -1), labels)
    for block, predicted in zip(positions[1:], smaller.predictions, strict=True):
        calibration = calibrate(predicted["valid"][0], valid)
        coded = calibration.apply(predicted["unseen"][0])
        bits[block] = negative_log_likelihood(coded, labels[block])
    return mean_estimate(bits / math.log(2), datamodule.persons("train"))


def with_scaling(
    observations: Observations, attack: Attack, smaller: SmallerTrainings, full: Outcome
) -> Observations:
    """Return observations to which what the smaller trainings say is added.

    Args:
        observations: of the attack.
        attack: the attack on all training images.
        smaller: what ``train_on_subsets`` returned.
        full: outcome of the winner's training on all images.
    """
    ending = "" if full.curve is None else full.curve.ending
    settings = (attack, smaller, full.probabilities, ending, observations.bootstrap)
    return replace(
        observations,
        data_scaling=measure_scaling(*settings),
        code_length=measure_code_length(attack, smaller),
    )
