"""The strongest adversary, kept after judging, to be asked about single images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privacy_gan.errors import UserError, is_out_of_memory
from privacy_gan.evaluation.calibration import Calibration, calibrate
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.predictions import CALIBRATED, predict_all, strongest
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.runs.artifacts import Content
from privacy_gan.runs.result import Estimate
from privacy_gan.tensors import require_finite


@dataclass(frozen=True)
class SavedAdversary:
    """An adversary after its training.

    Attributes:
        name: that it has in the configuration.
        learner: its networks, in evaluation mode.
        calibration: of its probabilities, or None where they are better as they are.
        accuracy: how often it is right about test images, of each of which it sees one version.
    """

    name: str
    learner: Learner
    calibration: Calibration | None
    accuracy: Estimate

    def probabilities(self, images: Tensor, compute: Compute) -> Tensor:
        """Return p(class | image), float64 [B, C], for censored images [B, 3, H, W] in [0, 1]."""
        with torch.no_grad(), compute.autocast():
            answered = self.learner.log_probabilities(images).double().exp().cpu()
        return answered if self.calibration is None else self.calibration.apply(answered)


def describe_strongest(seen: Observations, labels: Tensor) -> Content:
    """Return who tells most of single images, as what can be kept; its networks are not in it.

    It is the one with the best accuracy on the validation split when it sees one censored version
    of each image: who looks at one image has no more.

    Args:
        seen: what all adversaries answer.
        labels: of the sensitive attribute in the validation split, [N].
    """
    single = [each for each in seen.predictions if each.queries == 1] or predict_all(
        seen.probabilities, labels, seen.frequencies, [1], seen.scores
    )
    best = strongest(single, ACCURACY_SCORE)
    calibration = None
    if best.by_score[ACCURACY_SCORE].method.endswith(CALIBRATED):
        found = calibrate(seen.probabilities[best.adversary]["valid"][0], labels)
        calibration = [found.slope, list(found.bias)]
    accuracy = seen.score_of(ACCURACY_SCORE, best)
    assert accuracy is not None, "an accuracy is always defined"
    return {
        "adversary": best.adversary,
        "calibration": calibration,
        "accuracy": [accuracy.value, accuracy.low, accuracy.high],
    }


def load_adversary(
    content: Content, make: Callable[..., Learner], fixed: Classifier, num_classes: int
) -> SavedAdversary:
    """Return an adversary as it was kept.

    Args:
        content: what was kept, "learned" with it.
        make: makes such an adversary, see evaluation/adversaries.py.
        fixed: a classifier of the fixed classifiers' kind, whatever its weights.
        num_classes: values of the sensitive attribute.

    Raises:
        UserError: something else was kept, or weights that are not finite.
    """
    try:
        learner = make(num_classes=num_classes, column=0, fixed=fixed)
        require_finite(content["learned"], "the kept adversary", "judge the run again")
        learner.load_weights(content["learned"])
        return SavedAdversary(
            str(content["adversary"]),
            learner,
            parse_calibration(content["calibration"]),
            Estimate(*map(float, content["accuracy"])),
        )
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        raise UserError("another adversary was kept than the result describes") from error


def parse_calibration(kept: Sequence[Any] | None) -> Calibration | None:
    """Return a calibration as it was kept."""
    if kept is None:
        return None
    slope, bias = kept
    return Calibration(float(slope), tuple(map(float, bias)))
