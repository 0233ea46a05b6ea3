"""Checks of a judge's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from privacy_gan.errors import UserError
from privacy_gan.evaluation.attack import PAPER
from privacy_gan.evaluation.halving import Limits
from privacy_gan.evaluation.learning import Learner
from privacy_gan.runs.evaluation import RETRAINED, STACK

RESERVED_NAMES = {RETRAINED, PAPER, STACK}  # that adversaries cannot have


def require_adversaries(
    factories: Mapping[str, Callable[..., Learner]], controls: Sequence[str], power: bool
) -> None:
    """Require at least one adversary, and that all can be created.

    Args:
        factories: functions that create the adversaries, by name.
        controls: names of the adversaries in the controls.
        power: whether leaks are planted for them.

    Raises:
        UserError: a setting is invalid.
    """
    for name, factory in factories.items():
        if not callable(factory):
            raise UserError(
                f"judge.adversaries.{name} cannot be created: it lacks _target_ and "
                "_partial_=true (did judge=quick disable it?); complete it, or disable it "
                f"with judge.adversaries.{name}=null"
            )
    for name in RESERVED_NAMES & factories.keys():
        raise UserError(f"judge.adversaries.{name} is reserved: choose another name")
    if not factories:
        raise UserError("judge.adversaries is empty: give at least one adversary")
    if unknown := [name for name in controls if name not in factories]:
        raise UserError(
            f"judge.controls={controls}: {unknown[0]} is not among judge.adversaries "
            f"({', '.join(factories)})"
        )
    if power and not controls:
        raise UserError(
            "judge.power needs adversaries in judge.controls that judge.adversaries has; "
            "the configured ones are disabled"
        )


def require_numbers(
    queries: Sequence[int], limits: Limits, batch_size: int, resamples: int
) -> None:
    """Require numbers in their ranges.

    Args:
        queries: numbers of censored versions of an image that adversaries see, in ascending order.
        limits: bounds of the training.
        batch_size: images per training batch.
        resamples: number of bootstrap samples.

    Raises:
        UserError: a number is out of range.
    """
    if not queries or queries[0] < 1:
        raise UserError(f"judge.queries={queries} must be numbers of 1 or more")
    numbers = {"max_epochs": limits.max_epochs, "batch_size": batch_size, "resamples": resamples}
    for name, value in numbers.items():
        if value < 1:
            raise UserError(f"judge.{name} must be 1 or more")
    if limits.max_minutes is not None and not limits.max_minutes > 0:
        raise UserError("judge.max_minutes must be above 0, or null for no limit")
