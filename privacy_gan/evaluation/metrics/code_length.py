"""The prequential code length of s given the censored images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Measure

if TYPE_CHECKING:
    from privacy_gan.evaluation.observations import Observations


def code_length(observations: Observations) -> Measure | None:
    """Return the code length, with the entropy of s as its majority baseline."""
    if observations.code_length is None:
        return None
    import torch

    frequencies = observations.frequencies
    entropy = float(torch.special.entr(frequencies).sum() / torch.log(frequencies.new_tensor(2.0)))
    baseline = Estimate(entropy, entropy, entropy)
    return Measure(observations.code_length, majority_baseline=baseline)


METRICS = (
    Metric(
        "code_length",
        "privacy",
        "code length",
        "bits per training image that it takes to send s to a receiver who has the censored "
        "images, by the predictions of an adversary that learns from what was sent before. The "
        "majority baseline is the entropy of s; its ratio to the code length is the compression",
        code_length,
        source="MDL probing, Voita and Titov, 2020",
        unit="bits",
        format=".3f",
        higher_is_better=True,
        trained="data scaling",
    ),
)
