"""From what the networks of a judge found to all metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import nn

from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.data_scaling import SmallerTrainings
from privacy_gan.evaluation.evaluate import collect_observations, evaluate, labels_by_attribute
from privacy_gan.evaluation.examples import example_faces
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap
from privacy_gan.evaluation.outcomes import Outcome, probabilities_of
from privacy_gan.evaluation.saved_adversary import describe_strongest
from privacy_gan.evaluation.scaling_measures import with_scaling
from privacy_gan.evaluation.warnings import control_warnings, underfit_warnings
from privacy_gan.runs.artifacts import Content
from privacy_gan.runs.controls import Controls
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.learning_curve import LearningCurve


class Judgement(NamedTuple):
    """What a judge returns.

    Attributes:
        evaluation: all metrics.
        strongest: the strongest adversary, see ``describe_strongest``.
        faces: the test images that it is surest of and median ones, by kind, see
            ``example_faces``.
    """

    evaluation: Evaluation
    strongest: Content
    faces: Mapping[str, Faces]


@dataclass(frozen=True)
class Found:
    """What the networks of a judge found.

    Attributes:
        censored: the outcomes of the networks trained on censored images, by name.
        originals: those of the same networks trained on original images, or None.
        smaller: what ``train_on_subsets`` returned, or None.
        controls: what ``measure_controls`` returned, or None.
    """

    censored: Mapping[str, Outcome]
    originals: Mapping[str, Outcome] | None
    smaller: SmallerTrainings | None
    controls: Controls | None

    def excluded(self) -> dict[str, list[str]]:
        """Return the names of the networks that diverged, by the images they were trained on."""
        return {
            images: [name for name, each in outcomes.items() if not each.probabilities]
            for images, outcomes in self._by_images().items()
        }

    def curves(self) -> dict[str, dict[str, LearningCurve]]:
        """Return the learning curves by network, by the images they were trained on."""
        return {
            images: {name: each.curve for name, each in outcomes.items() if each.curve is not None}
            for images, outcomes in self._by_images().items()
        }

    def _by_images(self) -> dict[str, Mapping[str, Outcome]]:
        return {"censored": self.censored, "original": self.originals or {}}


def measure(
    attack: Attack,
    found: Found,
    *,
    bootstrap: Bootstrap,
    inception: nn.Module | None,
    epsilon: float | None,
    epsilon_batch_size: int,
    discriminator_loss: float | None,
) -> Judgement:
    """Compute all metrics.

    Args:
        attack: the attack on the censored images.
        found: what its networks found.
        bootstrap: see ``collect_observations`` for this and all following arguments.
        inception: InceptionV3 for the Inception FID, or None.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: number of images over which the budget bounds the mean distortion.
        discriminator_loss: cross-entropy of the filter's discriminator, or None.
    """
    observations = collect_observations(
        attack,
        probabilities_of(found.censored),
        None if found.originals is None else probabilities_of(found.originals),
        bootstrap=bootstrap,
        inception=inception,
        epsilon=epsilon,
        epsilon_batch_size=epsilon_batch_size,
        discriminator_loss=discriminator_loss,
    )
    if found.smaller is not None:
        full = found.censored[found.smaller.winner.adversary]
        observations = with_scaling(observations, attack, found.smaller, full)
    curves = found.curves()
    labels = labels_by_attribute(attack.source.datamodule, "valid", [attack.attribute])
    strongest = describe_strongest(
        observations, labels[attack.attribute], curves["censored"], attack.adversaries
    )
    evaluation = evaluate(attack, observations, found.excluded())
    assert evaluation.examples is not None
    faces = example_faces(attack.source, evaluation.examples, attack.seed)
    warnings = (
        *control_warnings(found.controls),
        *evaluation.warnings,
        *underfit_warnings(curves, attack.attribute),
    )
    evaluation = replace(evaluation, curves=curves, controls=found.controls, warnings=warnings)
    return Judgement(evaluation, strongest, faces)
