"""Who is asked about a face: the fixed classifiers, and the adversaries that the judge kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from privacy_gan.demo.versions import Versions
from privacy_gan.evaluation.kept import KeptAdversary
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier

FIXED = "fixed classifier"
ADVERSARY = "strongest adversary"


@dataclass(frozen=True)
class Opinion:
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
class Panel:
    """Those who are asked.

    Attributes:
        classes: what the values of the attributes are called, the sensitive ones first.
        classifiers: the fixed ones, by attribute.
        adversaries: by sensitive attribute.
    """

    classes: Mapping[str, tuple[str, ...]]
    classifiers: Mapping[str, Classifier]
    adversaries: Mapping[str, KeptAdversary]

    def opinions(self, versions: Versions, hides: list[str], compute: Compute) -> list[Opinion]:
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
                opinions.append(Opinion(ADVERSARY, attribute, True, classes, about))
            if attribute in self.classifiers:
                with torch.no_grad(), compute.autocast():
                    logits = self.classifiers[attribute](versions.images)
                shown = logits.double().softmax(dim=1).tolist()
                opinions.append(Opinion(FIXED, attribute, attribute in hides, classes, shown))
        return opinions
