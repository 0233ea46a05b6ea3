"""Certifies a mechanism on the images that no part of it was fitted on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from privacy_gan.data.table_data_module import CERTIFY, TableDataModule
from privacy_gan.evaluation.certificate import HeldOut, certify, mcdiarmid_slack, most_bits
from privacy_gan.evaluation.channel_estimates import (
    bootstrapped_bounds,
    draw_persons,
    table_estimates,
)
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import FiniteRelease
from privacy_gan.runs.certificate import Certificate
from privacy_gan.runs.evaluation import Measure

HELD_OUT = ("valid", "test", CERTIFY)  # splits
CONFIDENCES = (0.95, 0.99)
BATCH = 256  # images
BIAS = 0.4  # of the estimate of an accuracy, in units of sqrt(K / N)
SEED = 0


def certify_mechanism(
    mechanism: FiniteRelease,
    datamodule: TableDataModule,
    attribute: str,
    compute: Compute,
    is_released: bool = True,
) -> Certificate:
    """Return the certificate of a mechanism, from images that it was not fitted on.

    Args:
        mechanism: on the device, in evaluation mode.
        datamodule: set up. Each value of the attribute occurs in the validation and test split.
        attribute: the sensitive attribute.
        compute: device and precision.
        is_released: whether the outcome itself is released, not something that is made from it.
    """
    rows = torch.cat([torch.from_numpy(datamodule.rows(split)) for split in HELD_OUT])
    labels = torch.cat([datamodule.labels(split) for split in HELD_OUT])
    persons, unseen = unseen_persons(datamodule, len(rows))
    known = datamodule.persons("train") is not None
    num_outcomes = len(mechanism.frequencies)
    most, kept = cap_images_per_person(persons, unseen, num_outcomes)
    held_out = HeldOut(
        channel_of(mechanism, datamodule, rows[kept], compute),
        labels[kept, datamodule.column(attribute)],
        torch.unique(persons[kept], return_inverse=True)[1],
        len(datamodule.classes(attribute)),
    )
    shares = (held_out.counts / max(1, len(kept))).tolist()
    weights = mechanism.frequencies.double().cpu().clamp(min=1e-12)
    bounds = {
        f"{confidence:g}": certify(held_out, weights, 1 - confidence) for confidence in CONFIDENCES
    }
    return Certificate(
        num_outcomes=num_outcomes,
        images=len(kept),
        persons=len(torch.unique(held_out.persons)) if known else None,
        independent_images=datamodule.independent_images,
        left_out=int((~unseen).sum()),
        majority=max(shares),
        bounds=bounds,
        bits={
            level: most_bits(each["accuracy"].value, each["balanced_accuracy"].value, shares)
            for level, each in bounds.items()
        },
        max_images_per_person=most,
        **estimates(held_out, is_released),
    )


def estimates(held_out: HeldOut, is_released: bool) -> dict[str, Any]:
    """Return what a certificate records next to its bounds; nothing if there can be none."""
    if not held_out.can_be_certified:
        return {}
    drawn = draw_persons(held_out)
    return {
        "bootstrap": bootstrapped_bounds(held_out, drawn, CONFIDENCES),
        "found": table_estimates(held_out, drawn) if is_released else {},
    }


def cap_images_per_person(
    persons: Tensor, unseen: Tensor, num_outcomes: int
) -> tuple[int | None, Tensor]:
    """Choose images of persons whom the mechanism has not seen, not too many of one person.

    Many images of few persons widen the exact bound: its slack is that of sum_j m_j^2 / n^2. Few
    images bias its estimate, by some 0.4 sqrt(K / n). The number of images of one person, at most,
    makes the sum of both least, for the accuracy. It depends on the numbers of images alone, and
    which images are used is random. Persons with more images then count less than in the data,
    which makes no difference if the number of images says nothing about the person.

    Args:
        persons: the person in each image, [N].
        unseen: whether the mechanism was not fitted on the person, [N].
        num_outcomes: K.

    Returns:
        The number of images of one person, at most; None if all are used. Then indices of the
        images, in ascending order.
    """
    indices = unseen.nonzero().flatten()
    numbers = torch.unique(persons[indices], return_inverse=True)[1]
    counts = torch.bincount(numbers)
    if not len(counts):
        return None, indices
    every = int(counts.max())

    def width(most: int) -> float:
        used = counts.clamp(max=most).double()
        slack = mcdiarmid_slack(used / used.sum(), 1 - CONFIDENCES[0])
        return slack + BIAS * math.sqrt(num_outcomes / float(used.sum()))

    most = min(range(every, 0, -1), key=width)
    if most == every:
        return None, indices
    order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(SEED))
    order = order[numbers[order].argsort(stable=True)]  # by person, at random within each
    starts = counts.cumsum(dim=0) - counts
    rank = torch.arange(len(order)) - starts[numbers[order]]
    return most, indices[order[rank < most].sort().values]


def unseen_persons(datamodule: TableDataModule, images: int) -> tuple[Tensor, Tensor]:
    """Return the person in each held-out image, [N], and whether training shows others only, [N].

    Args:
        datamodule: set up.
        images: number of held-out images; each is a person if the data name none.
    """
    training = datamodule.persons("train")
    if training is None:
        return torch.arange(images), torch.ones(images, dtype=torch.bool)
    by_split = [datamodule.persons(split) for split in HELD_OUT]
    persons = torch.cat([each for each in by_split if each is not None])
    return persons, ~torch.isin(persons, training)


@torch.no_grad()
def channel_of(
    mechanism: FiniteRelease, datamodule: TableDataModule, rows: Tensor, compute: Compute
) -> Tensor:
    """Return the probabilities of all outcomes for these rows of the table, float64 [N, K]."""
    images = (datamodule.gather(chunk, compute.device).images for chunk in torch.split(rows, BATCH))
    return torch.cat([mechanism.channel(batch).cpu() for batch in images])


def contradiction_warnings(
    certificate: Certificate, measures: Mapping[str, Measure]
) -> tuple[str, ...]:
    """Return a warning for each score of an adversary that is above its bound.

    Args:
        certificate: of the mechanism.
        measures: all metrics of the same mechanism.
    """
    warnings = []
    scores = {"accuracy": ("privacy_loss", "an accuracy")}
    scores["balanced_accuracy"] = ("balanced_accuracy", "a balanced accuracy")
    for score, (name, title) in scores.items():
        found = measures[name].censored if name in measures else None
        bound = certificate.bounds["0.95"][score].value
        if found is not None and found.low > bound:
            warnings.append(
                f"an adversary has {title} of {found.value:.1%} (95% interval from "
                f"{found.low:.1%}), and the certificate says that none exceeds {bound:.1%}: one of "
                "the two is wrong, so trust neither"
            )
    return tuple(warnings)
