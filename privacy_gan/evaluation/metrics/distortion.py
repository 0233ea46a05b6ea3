"""Distortion metrics: how much censoring changes the images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.evaluation.metrics.samples import mean
from privacy_gan.runs.evaluation import Measure

if TYPE_CHECKING:
    from torch import Tensor

    from privacy_gan.evaluation.observations import Observations

FRECHET_RESAMPLES = 50  # one distance takes some tenths of a second


def distortion(observations: Observations) -> Measure | None:
    """Return the mean squared error over the images."""
    if observations.outputs is None:
        return None
    return Measure(observations.bootstrap.percentile(mean, observations.outputs.distortion))


def over_budget(observations: Observations, *, batches: bool) -> Measure | None:
    """Return the share of images, or of whole batches, whose distortion exceeds epsilon."""
    if observations.outputs is None or observations.epsilon is None:
        return None
    distortions, bootstrap = observations.outputs.distortion, observations.bootstrap
    if batches:
        size = min(observations.epsilon_batch_size, len(distortions))
        whole = len(distortions) // size * size
        distortions = distortions[:whole].view(-1, size).mean(dim=1)
        bootstrap = bootstrap.over(None)  # a batch has images of many persons
    return Measure(bootstrap.percentile(mean, distortions > observations.epsilon))


def psnr(observations: Observations) -> Measure | None:
    """Return the peak signal-to-noise ratio of pictures."""
    if observations.outputs is None or observations.outputs.ssim is None:
        return None
    return Measure(observations.bootstrap.percentile(decibels, observations.outputs.distortion))


def decibels(weights: Tensor, squared_errors: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio over all images, in dB; infinite without error.

    Args:
        weights: number of times each image occurs in each sample, [R, N].
        squared_errors: mean squared error of each image, [N].
    """
    return -10 * mean(weights, squared_errors).log10()


def ssim(observations: Observations) -> Measure | None:
    """Return the structural similarity of pictures."""
    if observations.outputs is None or observations.outputs.ssim is None:
        return None
    return Measure(observations.bootstrap.percentile(mean, observations.outputs.ssim))


def frechet(observations: Observations) -> Measure | None:
    """Return the mean Frechet distance between features of the fixed classifiers."""
    if observations.outputs is None:
        return None
    from privacy_gan.evaluation.metrics.frechet import mean_frechet_distance

    outputs = observations.outputs
    return Measure(
        observations.bootstrap.normal(
            partial(mean_frechet_distance, outputs.feature_sizes),
            FRECHET_RESAMPLES,
            outputs.censored.features,
            outputs.original.features,
        )
    )


def inception_fid(observations: Observations) -> Measure | None:
    """Return the standard FID, if Inception's weights were given."""
    if observations.outputs is None:
        return None
    from privacy_gan.evaluation.metrics.frechet import frechet_distance

    outputs = observations.outputs
    censored, original = outputs.censored.inception_features, outputs.original.inception_features
    if censored is None or original is None:
        return None
    return Measure(
        observations.bootstrap.normal(frechet_distance, FRECHET_RESAMPLES, censored, original)
    )


METRICS = (
    Metric(
        "distortion",
        "distortion",
        "distortion",
        "mean squared error between censored and original images",
        distortion,
        source="section 3.3",
        unit="squared error",
        format=".5f",
        higher_is_better=False,
        prominence="first",
        heading="distortion",
        hub="mse",
    ),
    Metric(
        "images_over_budget",
        "distortion",
        "images over budget",
        "share of images whose distortion exceeds epsilon",
        partial(over_budget, batches=False),
        higher_is_better=False,
    ),
    Metric(
        "batches_over_budget",
        "distortion",
        "batches over budget",
        "share of batches, of the size used in training, whose mean distortion exceeds epsilon",
        partial(over_budget, batches=True),
        higher_is_better=False,
        prominence="first",
    ),
    Metric(
        "psnr",
        "distortion",
        "PSNR (dB)",
        "peak signal-to-noise ratio of the mean squared error over all images",
        psnr,
        unit="dB",
        format=".1f",
        higher_is_better=True,
        prominence="card",
    ),
    Metric(
        "ssim",
        "distortion",
        "SSIM",
        "structural similarity, mean over the images",
        ssim,
        source="Wang et al., 2004",
        unit="",
        format=".3f",
        higher_is_better=True,
        prominence="card",
    ),
    Metric(
        "frechet_distance",
        "distortion",
        "Frechet distance",
        "Frechet distance between the features of censored and original images, mean over the "
        "fixed classifiers",
        frechet,
        source="Heusel et al., 2017",
        unit="squared distance",
        format=".3f",
        higher_is_better=False,
    ),
    Metric(
        "inception_fid",
        "distortion",
        "Inception FID",
        "the standard FID, computed as in torchmetrics, if `judge.inception_weights=FILE` names "
        "torch-fidelity's weights (`pip install 'privacy_gan[fid]'`)",
        inception_fid,
        source="Heusel et al., 2017",
        unit="squared distance",
        format=".1f",
        higher_is_better=False,
    ),
)
