"""The least distortion at which any mechanism can hide an attribute completely.

An attribute is hidden completely if censored images have one distribution Q for every value of s. A
mechanism that turns images of class s, with distribution P_s, into such images is a coupling of P_s
and Q. Its squared error is at least W2(P_s, Q)^2, that of the optimal transport. With class
probabilities p_s,

    sum_s p_s W2(P_s, Q)^2  >=  sum_{s < t} p_s p_t W2(P_s, P_t)^2    for every Q,

and with two classes the barycentre Q attains the bound p_0 p_1 W2^2. If a mechanism inserts a
uniformly random s' so well that the result has the distribution of class s', its error is at least

    sum_s p_s / C sum_{s'} W2(P_s, P_s')^2,

which for two classes of any frequency is W2^2 / 2.

Means and covariances give a lower bound on W2^2 (Gelbrich, 1990), the Frechet distance between
normal distributions. The bound also holds in a subspace: images are pooled to at most 32 x 32
pixels and projected to their first principal components. All figures are per value of an image, as
the distortion is. They are estimates: the distance that samples of one distribution seem to have,
measured with permuted labels, is subtracted.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.metrics.frechet import frechet_distance

SAMPLE = 16384  # images
MAX_SIDE = 32
COMPONENTS = 400  # covariances of more components would need more images
PERMUTATIONS = 3
BATCH = 256


def least_distortion(datamodule: TableDataModule, attribute: str) -> dict[str, float]:
    """Return the least mean squared error at which an attribute can be hidden completely.

    Args:
        datamodule: the data set, set up; its training images are used.
        attribute: the sensitive attribute.

    Returns:
        The error at which it can be "hidden", and at which it can be "replaced" by a random one;
        empty if a class has fewer than two images.
    """
    rows = torch.from_numpy(datamodule.rows("train"))
    rows = rows[torch.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).long()]
    values, labels = [], []
    for chunk in torch.split(rows, BATCH):
        batch = datamodule.gather(chunk)
        values.append(pool(batch.images).flatten(1))
        labels.append(batch.attributes[:, datamodule.column(attribute)])
    return least_error(torch.cat(values), torch.cat(labels), len(datamodule.classes(attribute)))


def pool(images: Tensor) -> Tensor:
    """Average images over square blocks, so that no side is longer than MAX_SIDE."""
    side = images.shape[-1]
    block = next(k for k in range(1, side + 1) if side % k == 0 and side // k <= MAX_SIDE)
    return F.avg_pool2d(images, block)


def least_error(values: Tensor, labels: Tensor, num_classes: int) -> dict[str, float]:
    """Return what ``least_distortion`` returns, per value of a row.

    Args:
        values: one row per image, [N, D].
        labels: the classes, [N].
        num_classes: number of classes.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    if int(counts.min()) < 2:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        components = principal_components(values.float(), COMPONENTS)
        measured = distances(components, labels, num_classes)
        by_chance = torch.stack(
            [
                distances(components, labels[torch.randperm(len(labels))], num_classes)
                for _ in range(PERMUTATIONS)
            ]
        ).mean(dim=0)
    per_value = (measured - by_chance).clamp_min(0) / values.shape[1]
    frequencies = counts.double() / len(labels)
    return {
        "hidden": float(frequencies @ per_value @ frequencies) / 2,  # each pair occurs twice
        "replaced": float((frequencies @ per_value).mean()),
    }


def principal_components(values: Tensor, count: int) -> Tensor:
    """Project rows [N, D] to their first principal components, [N, at most count]."""
    _, _, directions = torch.pca_lowrank(values, min(count, *values.shape))
    return (values - values.mean(dim=0)) @ directions


def distances(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the lower bound on W2(P_s, P_t)^2 for each pair of classes, float64 [C, C]."""
    bounds = torch.zeros(num_classes, num_classes, dtype=torch.float64)
    for one in range(num_classes):
        for other in range(one):
            distance = frechet_distance(values[labels == one], values[labels == other])
            bounds[one, other] = bounds[other, one] = distance
    return bounds
