"""Metrics of the synthetic attribute: how well it replaces s, and what correlates with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privacy_gan.evaluation.metrics.metric import Metric
from privacy_gan.evaluation.metrics.samples import correlation, cramers_v, mean
from privacy_gan.runs.evaluation import Measure

if TYPE_CHECKING:
    from privacy_gan.evaluation.metrics.bootstrap import Statistic
    from privacy_gan.evaluation.observations import Observations


def success_rate(observations: Observations) -> Measure | None:
    """Return how often the fixed classifier of s predicts s'."""
    outputs, s = observations.outputs, observations.attribute
    if outputs is None:
        return None
    return Measure(
        *(
            observations.bootstrap.percentile(mean, images.predicted(s) == outputs.synthetic)
            for images in (outputs.censored, outputs.original)
        )
    )


def pearson(observations: Observations, name: str) -> Measure | None:
    """Return the correlation of predictions of s with those of another attribute, both binary."""
    return dependence(observations, name, correlation) if are_binary(observations, name) else None


def association(observations: Observations, name: str) -> Measure | None:
    """Return the association of predictions of s and of another attribute, not both binary."""
    binary = are_binary(observations, name)
    return None if binary else dependence(observations, name, cramers_v)


def are_binary(observations: Observations, name: str) -> bool:
    """Return whether both s and a utility attribute have two classes."""
    return len(observations.classes) == observations.num_classes(name) == 2


def dependence(observations: Observations, name: str, statistic: Statistic) -> Measure | None:
    """Return a statistic of the fixed classifiers' predictions of s and of another attribute."""
    outputs, s = observations.outputs, observations.attribute
    if outputs is None:
        return None
    return Measure(
        *(
            observations.bootstrap.percentile(
                statistic, images.predicted(name), images.predicted(s)
            )
            for images in (outputs.censored, outputs.original)
        )
    )


SYNTHESIS = (
    Metric(
        "success_rate",
        "synthesis",
        "success rate",
        "share of images x'' for which the fixed classifier of s predicts s'; for a mechanism that "
        "inserts no s', a random one is drawn",
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
        "Pearson correlation of the fixed classifiers' predictions (0 or 1) of s and of another "
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
        "Cramer's V of the same predictions, where s or the other attribute has more than two "
        "classes",
        association,
        unit="correlation",
        format=".3f",
        per="utility attribute",
    ),
)
METRICS = (*SYNTHESIS, *ASSOCIATION)
