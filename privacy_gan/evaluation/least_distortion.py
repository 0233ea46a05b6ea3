"""The least distortion at which an attribute can be hidden completely, whatever the mechanism.

Hidden completely means that censored images have one distribution Q, whatever s is. A mechanism
that changes images of class s, with distribution P_s, into such is a coupling of P_s and Q, and its
squared error at least W2(P_s, Q)^2, that of the optimal transport. With classes of probabilities
p_s,

    sum_s p_s W2(P_s, Q)^2  >=  sum_{s < t} p_s p_t W2(P_s, P_t)^2    for every Q,

and with two classes the barycentre Q attains it: p_0 p_1 W2^2. Where a random s', each as likely,
is put in so well that the result is distributed as class s' is, the error is at least

    sum_s p_s / C sum_{s'} W2(P_s, P_s')^2,

for two classes of any frequency W2^2 / 2.

Of W2^2, in turn, means and covariances alone give a lower bound (Gelbrich, 1990), the Frechet
distance of normal distributions, and so they do in a subspace: images are pooled to at most 32
pixels, and of those the first principal components are taken. All are per value of an image, as
the distortion is. How far apart samples of one and the same distribution seem to be, as permuted
labels tell, is taken off: so the figures are estimates.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.metrics.frechet import frechet_distance

SAMPLE = 16384  # images
LARGEST_SIDE = 32
COMPONENTS = 400  # for more than these, covariances would want more images
PERMUTATIONS = 3
BATCH = 256


def least_distortion(datamodule: TableDataModule, attribute: str) -> dict[str, float]:
    """Return the least mean squared error of hiding an attribute of training images completely.

    Args:
        datamodule: set up.
        attribute: the sensitive one.

    Returns:
        At which it could be "hidden" or "replaced" by a random one; nothing where a class has too
        few images to tell.
    """
    rows = torch.from_numpy(datamodule.rows("train"))
    rows = rows[torch.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).long()]
    values, labels = [], []
    for some in torch.split(rows, BATCH):
        batch = datamodule.gather(some)
        values.append(pooled(batch.images).flatten(1))
        labels.append(batch.attributes[:, datamodule.column(attribute)])
    return least_error(torch.cat(values), torch.cat(labels), len(datamodule.classes(attribute)))


def pooled(images: Tensor) -> Tensor:
    """Return means over square blocks, so that no side is longer than LARGEST_SIDE."""
    side = images.shape[-1]
    block = next(k for k in range(1, side + 1) if side % k == 0 and side // k <= LARGEST_SIDE)
    return F.avg_pool2d(images, block)


def least_error(values: Tensor, labels: Tensor, num_classes: int) -> dict[str, float]:
    """Return what ``least_distortion`` does, per value of a row.

    Args:
        values: one row for each image, [N, D].
        labels: the classes, [N].
        num_classes: values that a label can take.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    if int(counts.min()) < 2:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        components = principal_components(values.float(), COMPONENTS)
        apart = distances(components, labels, num_classes)
        chance = torch.stack(
            [
                distances(components, labels[torch.randperm(len(labels))], num_classes)
                for _ in range(PERMUTATIONS)
            ]
        ).mean(dim=0)
    per_value = (apart - chance).clamp_min(0) / values.shape[1]
    frequencies = counts.double() / len(labels)
    return {
        "hidden": float(frequencies @ per_value @ frequencies) / 2,  # each pair occurs twice
        "replaced": float((frequencies @ per_value).mean()),
    }


def principal_components(values: Tensor, count: int) -> Tensor:
    """Return rows [N, D] in coordinates of their first principal components, [N, at most count]."""
    _, _, directions = torch.pca_lowrank(values, min(count, *values.shape))
    return (values - values.mean(dim=0)) @ directions


def distances(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the lower bound on W2(P_s, P_t)^2 for each pair of classes, float64 [C, C]."""
    found = torch.zeros(num_classes, num_classes, dtype=torch.float64)
    for one in range(num_classes):
        for other in range(one):
            distance = frechet_distance(values[labels == one], values[labels == other])
            found[one, other] = found[other, one] = distance
    return found
