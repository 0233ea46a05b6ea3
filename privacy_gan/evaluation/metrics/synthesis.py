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
    """Return the correlation of predictions of a binary s with those of another attribute."""
    return dependence(observations, name, correlation) if len(observations.classes) == 2 else None


def association(observations: Observations, name: str) -> Measure | None:
    """Return the association of predictions of an s of more than two classes with another's."""
    return dependence(observations, name, cramers_v) if len(observations.classes) > 2 else None


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
        "Cramer's V of the same predictions, where s has more than two classes",
        association,
        unit="correlation",
        format=".3f",
        per="utility attribute",
    ),
)
METRICS = (*SYNTHESIS, *ASSOCIATION)
