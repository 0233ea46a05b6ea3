"""The censored versions of one face, and what classifiers and adversaries predict from each.

The versions are the original, intermediate images and the images that ``privatize`` would write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privacy_gan.data.release_format import PNG, ReleaseFormat, to_picture, to_uint8
from privacy_gan.evaluation.saved_adversary import SavedAdversary
from privacy_gan.evaluation.source import round_trip
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.base import Privatizer

FIXED_CLASSIFIER = "fixed classifier"
STRONGEST_ADVERSARY = "strongest adversary"


@dataclass(frozen=True)
class FaceVersion:
    """One version of a face.

    Attributes:
        label: x, x', x'', or the label of a stack's part.
        synthetic: the value of s' that was inserted, or None.
        is_output: whether ``privatize`` could write this version.
        file: content of an image file with this version.
        media_type: type of that file.
    """

    label: str
    synthetic: int | None
    is_output: bool
    file: bytes
    media_type: str


@dataclass(frozen=True)
class FaceVersions:
    """All versions of a face.

    Attributes:
        all: the versions, the original first.
        images: the pixels in their files, [N, 3, S, S] in [0, 1].
        sampled_value: a random value of s', as ``privatize`` would draw it, or None.
    """

    all: Sequence[FaceVersion]
    images: Tensor
    sampled_value: int | None

    def distortions(self) -> list[float]:
        """Return the mean squared error between each version and the original."""
        differences: Tensor = (self.images - self.images[:1]).square().flatten(1).mean(dim=1)
        return [float(value) for value in differences]


def make_versions(
    privatizer: Privatizer, face: Tensor, output_format: ReleaseFormat, compute: Compute, seed: int
) -> FaceVersions:
    """Return all versions of a face.

    Args:
        privatizer: the mechanism, on the device.
        face: [1, 3, S, S] in [0, 1].
        output_format: file format of the versions that could be written; the others are PNG files.
        compute: device and precision.
        seed: seed of all random numbers.
    """

    def rng() -> torch.Generator:
        return torch.Generator(face.device).manual_seed(seed)

    with torch.no_grad(), compute.autocast():
        rows = privatizer.figure_rows(face, rng())
        synthetic = privatizer.draw(face, rng()).get("synthetic")
    # the outputs are the rows with a value of s', or the last row if there are none
    with_value = [label for label in rows if synthetic_value(label) is not None]
    outputs = with_value or list(rows)[-1:]
    versions, images = [], []
    for label, image in rows.items():
        is_output = label in outputs
        file_format = output_format if is_output else ReleaseFormat.parse(PNG)
        pixels = to_uint8(image)[0].permute(1, 2, 0).cpu().numpy()
        versions.append(
            FaceVersion(
                label.partition(" s'=")[0].strip(),
                synthetic_value(label),
                is_output,
                file_format.encode(to_picture(pixels)),
                "image/png" if file_format.name == PNG else "image/jpeg",
            )
        )
        images.append(round_trip(image.float(), file_format))
    return FaceVersions(versions, torch.cat(images), None if synthetic is None else int(synthetic))


def synthetic_value(label: str) -> int | None:
    """Return the value of s' in the label of a row of Figure 2, or None."""
    _, has_value, value = label.partition("s'=")
    return int(value) if has_value else None


@dataclass(frozen=True)
class FacePrediction:
    """What one network predicts of one attribute.

    Attributes:
        predictor: the network: FIXED_CLASSIFIER or STRONGEST_ADVERSARY.
        attribute: the attribute.
        is_sensitive: whether the mechanism hides the attribute.
        classes: names of the attribute's values.
        probabilities: for each version of the face the probabilities of the values, or None where
            the network does not apply.
    """

    predictor: str
    attribute: str
    is_sensitive: bool
    classes: tuple[str, ...]
    probabilities: list[list[float] | None]


@dataclass(frozen=True)
class Predictors:
    """The networks that predict attributes of a face.

    Attributes:
        classes: names of the values of each attribute, the sensitive attributes first.
        classifiers: fixed classifiers by attribute.
        adversaries: strongest adversaries by sensitive attribute.
    """

    classes: Mapping[str, tuple[str, ...]]
    classifiers: Mapping[str, Classifier]
    adversaries: Mapping[str, SavedAdversary]

    def predict(
        self, versions: FaceVersions, sensitive: Sequence[str], compute: Compute
    ) -> list[FacePrediction]:
        """Return the predictions of all networks.

        Adversaries only see outputs: they were trained on nothing else.

        Args:
            versions: versions of a face, on the device.
            sensitive: the attributes that the mechanism hides.
            compute: device and precision.
        """
        predictions = []
        is_output = [version.is_output for version in versions.all]
        for attribute, classes in self.classes.items():
            if attribute in self.adversaries:
                outputs = versions.images[torch.tensor(is_output)]
                rows = iter(self.adversaries[attribute].probabilities(outputs, compute).tolist())
                by_version = [next(rows) if each else None for each in is_output]
                predictions.append(
                    FacePrediction(STRONGEST_ADVERSARY, attribute, True, classes, by_version)
                )
            if attribute in self.classifiers:
                with torch.no_grad(), compute.autocast():
                    logits = self.classifiers[attribute](versions.images)
                probabilities = logits.double().softmax(dim=1).tolist()
                is_sensitive = attribute in sensitive
                predictions.append(
                    FacePrediction(
                        FIXED_CLASSIFIER, attribute, is_sensitive, classes, probabilities
                    )
                )
        return predictions
