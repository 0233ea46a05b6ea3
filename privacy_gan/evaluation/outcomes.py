"""Outcomes of an attack: what each network predicts, and its learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from torch import Tensor

from privacy_gan.evaluation.predictions import QueryProbabilities
from privacy_gan.runs.artifacts import Content
from privacy_gan.runs.learning_curve import LearningCurve


@dataclass(frozen=True)
class Outcome:
    """What a network predicts after its training.

    Attributes:
        probabilities: from each query, float64 [queries, N, C] by split ("valid" and "test"); empty
            if the network diverged.
        curve: its learning curve; None if it diverged, and for the paper's adversary.
    """

    probabilities: dict[str, Tensor] = field(default_factory=dict)
    curve: LearningCurve | None = None


def probabilities_of(outcomes: Mapping[str, Outcome]) -> QueryProbabilities:
    """Return what networks predict, by name."""
    return {name: each.probabilities for name, each in outcomes.items()}


def pack_outcomes(outcomes: Mapping[str, Outcome]) -> Content:
    """Return outcomes in the form in which they are saved."""
    return {
        name: {
            "probabilities": each.probabilities,
            "curve": None if each.curve is None else asdict(each.curve),
        }
        for name, each in outcomes.items()
    }


def unpack_outcomes(content: Content) -> dict[str, Outcome]:
    """Return outcomes from the form in which they are saved."""
    return {
        name: Outcome(
            saved["probabilities"],
            None if saved["curve"] is None else LearningCurve.from_json(saved["curve"]),
        )
        for name, saved in content.items()
    }
