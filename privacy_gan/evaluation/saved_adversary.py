"""The strongest adversary, saved after judging, to predict the attribute of single images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privacy_gan.errors import UserError, is_out_of_memory
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.observations import Observations
from privacy_gan.evaluation.predictions import CALIBRATED, predict_all, select_strongest
from privacy_gan.hardware import Compute
from privacy_gan.models.calibration import Calibration, calibrate
from privacy_gan.models.classifier import Classifier
from privacy_gan.runs.artifacts import Content
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import without_retrained
from privacy_gan.runs.learning_curve import LearningCurve, all_done
from privacy_gan.tensors import require_finite

REMEDY = "judge the run again"  # for messages about a file that cannot be used


@dataclass(frozen=True)
class SavedAdversary:
    """A trained adversary.

    Attributes:
        name: its name in the configuration.
        learner: its networks, in evaluation mode.
        calibration: calibration of its probabilities, or None where they are better without.
        accuracy: its accuracy on test images, given one censored version of each.
        done: whether the adversaries were done learning; if not, the accuracy is a lower bound.
    """

    name: str
    learner: Learner
    calibration: Calibration | None
    accuracy: Estimate
    done: bool

    def probabilities(self, images: Tensor, compute: Compute) -> Tensor:
        """Return p(class | image), float64 [B, C], for censored images [B, 3, H, W] in [0, 1]."""
        with torch.no_grad(), compute.autocast():
            predicted = self.learner.log_probabilities(images).double().exp().cpu()
        return predicted if self.calibration is None else self.calibration.apply(predicted)


def describe_strongest(
    observations: Observations,
    labels: Tensor,
    curves: Mapping[str, LearningCurve],
    adversaries: Collection[str],
) -> Content:
    """Return what is to be saved of the strongest adversary, apart from its weights.

    It is the adversary with the best validation accuracy given one censored version of each image,
    since it will predict from single images, among the configured ones: neither the stack, which
    has no weights, nor a variant.

    Args:
        observations: predictions of all adversaries.
        labels: the sensitive attribute on the validation split, [N].
        curves: learning curves of the networks trained on censored images, by name.
        adversaries: names of the configured adversaries.
    """
    one_query = [each for each in observations.predictions if each.queries == 1] or predict_all(
        observations.probabilities, labels, observations.frequencies, [1], observations.scores
    )
    single = [each for each in one_query if each.adversary in adversaries]
    strongest = select_strongest(single, ACCURACY_SCORE)
    calibration = None
    if strongest.by_score[ACCURACY_SCORE].method.endswith(CALIBRATED):
        valid = observations.probabilities[strongest.adversary]["valid"][0]
        fitted = calibrate(valid, labels)
        calibration = [fitted.slope, list(fitted.bias)]
    accuracy = observations.score_of(ACCURACY_SCORE, strongest)
    assert accuracy is not None, "an accuracy is always defined"
    return {
        "adversary": strongest.adversary,
        "calibration": calibration,
        "accuracy": [accuracy.value, accuracy.low, accuracy.high],
        "done": all_done(without_retrained(curves), strongest.adversary),
    }


def load_adversary(
    content: Content, factory: Callable[..., Learner], fixed: Classifier, num_classes: int
) -> SavedAdversary:
    """Load a saved adversary.

    Args:
        content: what was saved, with the weights as "learned".
        factory: creates an adversary of this kind, see evaluation/adversaries.py.
        fixed: a fixed classifier with the right architecture; its weights do not matter.
        num_classes: number of values of the sensitive attribute.

    Raises:
        UserError: the content is not of this kind of adversary, or its weights are not finite.
    """
    try:
        learner = factory(num_classes=num_classes, column=0, fixed=fixed)
        require_finite(content["learned"], "the saved adversary", REMEDY)
        learner.load_weights(content["learned"])
        return SavedAdversary(
            str(content["adversary"]),
            learner,
            parse_calibration(content["calibration"]),
            Estimate(*map(float, content["accuracy"])),
            bool(content.get("done", False)),  # earlier versions did not save it
        )
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        raise UserError(f"the saved adversary does not match the result: {REMEDY}") from error


def parse_calibration(saved: Sequence[Any] | None) -> Calibration | None:
    """Return a calibration from its saved form."""
    if saved is None:
        return None
    slope, bias = saved
    return Calibration(float(slope), tuple(map(float, bias)))
