"""Certifies a mechanism on the images that no part of it was fitted on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.certificate import HeldOut, certify, most_bits
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.base import FiniteRelease
from privacy_gan.runs.certificate import Certificate
from privacy_gan.runs.evaluation import Measure

HELD_OUT = ("valid", "test")  # splits
CONFIDENCES = (0.95, 0.99)
BATCH = 256  # images


def certify_mechanism(
    mechanism: FiniteRelease, datamodule: TableDataModule, attribute: str, compute: Compute
) -> Certificate:
    """Return the certificate of a mechanism, from validation and test images.

    Args:
        mechanism: on the device, in evaluation mode.
        datamodule: set up. Each value of the attribute occurs in both splits.
        attribute: the sensitive attribute.
        compute: device and precision.
    """
    rows = torch.cat([torch.from_numpy(datamodule.rows(split)) for split in HELD_OUT])
    labels = torch.cat([datamodule.labels(split) for split in HELD_OUT])
    persons, kept = unseen_persons(datamodule, len(rows))
    known = datamodule.persons("train") is not None
    held_out = HeldOut(
        channel_of(mechanism, datamodule, rows[kept], compute),
        labels[kept, datamodule.column(attribute)],
        torch.unique(persons[kept], return_inverse=True)[1],
        len(datamodule.classes(attribute)),
    )
    images = len(held_out.labels)
    shares = (held_out.counts / max(1, images)).tolist()
    weights = mechanism.frequencies.double().cpu().clamp(min=1e-12)
    bounds = {
        f"{confidence:g}": certify(held_out, weights, 1 - confidence) for confidence in CONFIDENCES
    }
    return Certificate(
        num_outcomes=held_out.channel.shape[1],
        images=images,
        persons=len(torch.unique(held_out.persons)) if known else None,
        independent_images=datamodule.independent_images,
        left_out=len(rows) - images,
        majority=max(shares),
        bounds=bounds,
        bits={
            level: most_bits(each["accuracy"].value, each["balanced_accuracy"].value, shares)
            for level, each in bounds.items()
        },
    )


def unseen_persons(datamodule: TableDataModule, images: int) -> tuple[Tensor, Tensor]:
    """Return the person in each held-out image, [N], and whether training shows others only, [N].

    Args:
        datamodule: set up.
        images: number of held-out images; each is a person if the data name none.
    """
    training = datamodule.persons("train")
    by_split = [datamodule.persons(split) for split in HELD_OUT]
    known = [each for each in by_split if each is not None]
    if training is None or len(known) < len(HELD_OUT):
        return torch.arange(images), torch.ones(images, dtype=torch.bool)
    persons = torch.cat(known)
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
