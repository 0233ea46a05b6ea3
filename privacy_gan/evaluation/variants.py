"""Variants of the best adversaries: other learning rates, and augmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.outcomes import Outcome

VARIED = 2  # number of adversaries of which variants are trained


@dataclass(frozen=True)
class Variant:
    """What a variant changes in an adversary's training recipe.

    Attributes:
        lr_factor: factor of the learning rate.
        augmented: whether its training images are randomly flipped and shifted.
    """

    lr_factor: float = 1.0
    augmented: bool = False

    def create(self, factory: Callable[..., Learner], **task: Any) -> Learner:
        """Return a variant of the adversary that a factory creates."""
        learner = factory(**task)
        learner.lr_scale *= self.lr_factor
        learner.recipe = replace(
            learner.recipe, augmented=learner.recipe.augmented or self.augmented
        )
        return learner


def variants_of_best(
    attack: Attack, outcomes: Mapping[str, Outcome], variants: Mapping[str, Variant]
) -> Attack:
    """Return an attack by the variants of the adversaries with the most validation bits.

    Args:
        attack: the attack by the adversaries themselves.
        outcomes: its outcomes.
        variants: the variants by name. That of an adversary is called ADVERSARY-VARIANT.
    """
    bits = {
        name: max(stage.bits.value for stage in outcome.curve.stages)
        for name, outcome in outcomes.items()
        if name in attack.adversaries
        and outcome.probabilities
        and outcome.curve is not None
        and outcome.curve.stages
    }
    best = sorted(bits, key=bits.__getitem__, reverse=True)[:VARIED]
    factories = {
        f"{name}-{variant}": partial(changes.create, attack.factories[name])
        for name in best
        for variant, changes in variants.items()
    }
    return replace(attack, factories=factories, label="variants")
