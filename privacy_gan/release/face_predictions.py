"""What is made of one face, and who thinks what of it.

Its versions are the face as it is, in between, and as it would be handed out. Asked are the fixed
classifiers, and the adversaries that the judge kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from privacy_gan.data.release_format import PNG, ReleaseFormat, to_uint8
from privacy_gan.evaluation.saved_adversary import SavedAdversary
from privacy_gan.evaluation.source import round_trip
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.base import Privatizer

FIXED_CLASSIFIER = "fixed classifier"
STRONGEST_ADVERSARY = "strongest adversary"


@dataclass(frozen=True)
class Version:
    """One version of a face.

    Attributes:
        label: x, x', x'', or what a stack's part leaves.
        synthetic: the value of s' that was put in, or None.
        released: whether it is what would be handed out.
        file: that holds it.
        media_type: of the file.
    """

    label: str
    synthetic: int | None
    released: bool
    file: bytes
    media_type: str


@dataclass(frozen=True)
class Versions:
    """All versions of a face.

    Attributes:
        all: the original first.
        images: what their files hold, [N, 3, S, S] in [0, 1], for networks.
        drawn: the value of s' that a release would have put in, or None.
    """

    all: Sequence[Version]
    images: Tensor
    drawn: int | None

    def distortions(self) -> list[float]:
        """Return each version's mean squared error to the original."""
        differences: Tensor = (self.images - self.images[:1]).square().flatten(1).mean(dim=1)
        return [float(value) for value in differences]


def make_versions(
    privatizer: Privatizer, face: Tensor, form: ReleaseFormat, compute: Compute, seed: int
) -> Versions:
    """Return what a mechanism makes of a face.

    Args:
        privatizer: the mechanism, on the device.
        face: [1, 3, S, S] in [0, 1].
        form: of the files that are handed out; the others are PNG.
        compute: where, and in which precision.
        seed: of all that is random.
    """

    def rng() -> torch.Generator:
        return torch.Generator(face.device).manual_seed(seed)

    with torch.no_grad(), compute.autocast():
        rows = privatizer.figure_rows(face, rng())
        synthetic = privatizer.draw(face, rng()).get("synthetic")
    # handed out is the last one, or one of those with a value of s'
    valued = [label for label in rows if synthetic_value(label) is not None]
    versions, images = [], []
    for label, image in rows.items():
        released = label in (valued or list(rows)[-1:])
        file_format = form if released else ReleaseFormat.of(PNG)
        pixels = to_uint8(image)[0].permute(1, 2, 0).cpu().numpy()
        versions.append(
            Version(
                label.partition(" s'=")[0].strip(),
                synthetic_value(label),
                released,
                file_format.encode(Image.fromarray(pixels)),
                "image/png" if file_format.name == PNG else "image/jpeg",
            )
        )
        images.append(round_trip(image.float(), file_format))
    return Versions(versions, torch.cat(images), None if synthetic is None else int(synthetic))


def synthetic_value(label: str) -> int | None:
    """Return the value of s' that the label of one of Figure 2's rows names, or None."""
    _, is_valued, value = label.partition("s'=")
    return int(value) if is_valued else None


@dataclass(frozen=True)
class FacePrediction:
    """What somebody thinks of the versions of a face.

    Attributes:
        who: thinks it.
        attribute: that it is about.
        hidden: whether that is a sensitive one.
        classes: what its values are called.
        probabilities: for each version those of the values; None where nobody was asked.
    """

    who: str
    attribute: str
    hidden: bool
    classes: tuple[str, ...]
    probabilities: list[list[float] | None]


@dataclass(frozen=True)
class Predictors:
    """Those who are asked.

    Attributes:
        classes: what the values of the attributes are called, the sensitive ones first.
        classifiers: the fixed ones, by attribute.
        adversaries: by sensitive attribute.
    """

    classes: Mapping[str, tuple[str, ...]]
    classifiers: Mapping[str, Classifier]
    adversaries: Mapping[str, SavedAdversary]

    def opinions(
        self, versions: Versions, hides: Sequence[str], compute: Compute
    ) -> list[FacePrediction]:
        """Ask everybody.

        Adversaries are asked about what is handed out alone: nothing else did they learn to read.

        Args:
            versions: of a face, on the device.
            hides: the sensitive attributes.
            compute: where, and in which precision.
        """
        opinions = []
        for attribute, classes in self.classes.items():
            if attribute in self.adversaries:
                seen = [version.released for version in versions.all]
                told = iter(
                    self.adversaries[attribute]
                    .probabilities(versions.images[torch.tensor(seen)], compute)
                    .tolist()
                )
                about = [next(told) if was_seen else None for was_seen in seen]
                opinions.append(
                    FacePrediction(STRONGEST_ADVERSARY, attribute, True, classes, about)
                )
            if attribute in self.classifiers:
                with torch.no_grad(), compute.autocast():
                    logits = self.classifiers[attribute](versions.images)
                shown = logits.double().softmax(dim=1).tolist()
                opinions.append(
                    FacePrediction(FIXED_CLASSIFIER, attribute, attribute in hides, classes, shown)
                )
        return opinions
