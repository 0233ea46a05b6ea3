"""Learning curves: how much networks of the judge had learned after each stage of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from privacy_gan.runs.estimate import Estimate

# Why the training of a network ended:
#   done         it stopped gaining, see ``evaluation.stopping.is_done``
#   dropped      others were clearly better
#   max_epochs   the limit judge.max_epochs was reached first
#   max_minutes  the limit judge.max_minutes was reached first
Ending = Literal["done", "dropped", "max_epochs", "max_minutes"]


@dataclass(frozen=True)
class Stage:
    """What a network knew at the end of one stage of its training.

    Attributes:
        epochs: passes over the training images until then.
        steps: optimizer steps until then.
        bits: information about the labels on validation images from one query: entropy minus
            cross-entropy of calibrated predictions, in bits per image. It can be negative.
        gain: bits gained since the best of the stages before, paired by image; None at the first.
    """

    epochs: int
    steps: int
    bits: Estimate
    gain: Estimate | None = None


@dataclass(frozen=True)
class LearningCurve:
    """The stages of a network's training, and why it ended.

    Attributes:
        stages: the stages in order; empty for a network that is fitted in closed form.
        ending: why the training ended.
    """

    stages: tuple[Stage, ...]
    ending: Ending

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> LearningCurve:
        """Return a curve from its entry in result.json."""
        stages = tuple(
            Stage(
                stage["epochs"],
                stage["steps"],
                Estimate(**stage["bits"]),
                None if stage["gain"] is None else Estimate(**stage["gain"]),
            )
            for stage in tree["stages"]
        )
        return cls(stages, tree["ending"])


def all_done(curves: Mapping[str, LearningCurve], strongest: str | None = None) -> bool:
    """Return whether training ended by its own rule: everything was done or dropped, one done.

    It is False without curves, as in results of earlier versions.

    Args:
        curves: learning curves of adversaries, by name.
        strongest: name of an adversary that must not have been dropped; one without a curve was
            not trained, such as the stack.
    """
    endings = {curve.ending for curve in curves.values()}
    dropped = {name for name, curve in curves.items() if curve.ending == "dropped"}
    return "done" in endings and endings <= {"done", "dropped"} and strongest not in dropped
