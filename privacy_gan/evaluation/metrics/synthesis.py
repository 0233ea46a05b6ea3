"""How well a random value takes the sensitive attribute's place, and what goes along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.evaluation.metrics.samples import correlation, cramers_v, mean
from privacy_gan.runs.result import Measure

if TYPE_CHECKING:
    from privacy_gan.evaluation.metrics.bootstrap import Statistic
    from privacy_gan.evaluation.observations import Observations


def success_rate(observations: Observations) -> Measure | None:
    """Return how often the fixed classifier of s sees s'."""
    if observations.outputs is None:
        return None
    return Measure(
        *(
            observations.bootstrap.percentile(mean, of.predicted(observations.attribute) == observations.outputs.synthetic)
            for of in (observations.outputs.censored, observations.outputs.original)
        )
    )


def pearson(observations: Observations, name: str) -> Measure | None:
    """Return the correlation of predictions of a binary s with those of another attribute."""
    return dependence(observations, name, correlation) if len(observations.classes) == 2 else None


def association(observations: Observations, name: str) -> Measure | None:
    """Return the association of predictions of an s of more classes with those of another one."""
    return dependence(observations, name, cramers_v) if len(observations.classes) > 2 else None


def dependence(observations: Observations, name: str, strength: Statistic) -> Measure | None:
    """Return how strongly fixed classifiers' predictions of s and of another attribute depend."""
    if observations.outputs is None:
        return None
    return Measure(
        *(
            observations.bootstrap.percentile(strength, of.predicted(name), of.predicted(observations.attribute))
            for of in (observations.outputs.censored, observations.outputs.original)
        )
    )


SYNTHESIS = (
    Metric(
        "success_rate",
        "synthesis",
        "success rate",
        "how often the fixed classifier of s sees s' in x''; where a mechanism puts nothing in, an "
        "s' drawn at random",
        success_rate,
        source="Table 1",
        higher_is_better=True,
        prominence="first",
        heading="success rate",
    ),
)
ASSOCIATION = (
    Metric(
        "correlation",
        "association",
        "correlation",
        "Pearson's correlation of the fixed classifiers' predictions (0 or 1) of s and of another "
        "attribute",
        pearson,
        source="Table 2",
        unit="correlation",
        format=".3f",
        per="utility attribute",
    ),
    Metric(
        "association",
        "association",
        "association",
        "Cramer's V of the same, where s has more than two classes",
        association,
        unit="correlation",
        format=".3f",
        per="utility attribute",
    ),
)
METRICS = (*SYNTHESIS, *ASSOCIATION)
