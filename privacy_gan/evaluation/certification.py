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
    rows = [torch.from_numpy(datamodule.rows(split)) for split in HELD_OUT]
    persons = [datamodule.persons(split) for split in HELD_OUT]
    known = [each for each in persons if each is not None]
    labels = torch.cat([datamodule.labels(split) for split in HELD_OUT])
    column = datamodule.column(attribute)
    held_out = HeldOut(
        channel_of(mechanism, datamodule, torch.cat(rows), compute),
        labels[:, column],
        torch.unique(torch.cat(known), return_inverse=True)[1]
        if known
        else torch.arange(len(labels)),
        len(datamodule.classes(attribute)),
    )
    shares = (held_out.counts / len(labels)).tolist()
    weights = mechanism.frequencies.double().cpu().clamp(min=1e-12)
    bounds = {
        f"{confidence:g}": certify(held_out, weights, 1 - confidence) for confidence in CONFIDENCES
    }
    return Certificate(
        outcomes=held_out.channel.shape[1],
        images=len(labels),
        persons=int(held_out.persons.max()) + 1 if known else None,
        independent_images=datamodule.independent_images,
        majority=max(shares),
        bounds=bounds,
        bits={level: most_bits(each["accuracy"].value, shares) for level, each in bounds.items()},
    )


@torch.no_grad()
def channel_of(
    mechanism: FiniteRelease, datamodule: TableDataModule, rows: Tensor, compute: Compute
) -> Tensor:
    """Return the probabilities of all outcomes for these rows of the table, float64 [N, K]."""
    parts = []
    for chunk in torch.split(rows, BATCH):
        parts.append(mechanism.channel(datamodule.gather(chunk, compute.device).images).cpu())
    return torch.cat(parts)


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
