"""All metrics, in the order in which they are shown. Torch is not needed to read what they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from privacy_gan.evaluation.metrics import distortion, privacy, synthesis, utility
from privacy_gan.evaluation.metrics.metric import Metric, Score, result_key

__all__ = ["METRICS", "Metric", "build_scores", "find_metric", "result_key"]

METRICS: dict[str, Metric] = {
    metric.name: metric
    for family in (privacy, utility, synthesis, distortion)
    for metric in family.METRICS
}


def find_metric(measure: str) -> Metric:
    """Return the metric that a name in result.json is of: "auroc", or "utility" of "utility/Male".

    One that the registry lacks, of another version's file, is called as it is there.
    """
    name = measure.partition("/")[0]
    return METRICS.get(name) or Metric(name, "privacy", name.replace("_", " "), "", lambda _: None)


def build_scores(classes: Sequence[str]) -> dict[str, Score]:
    """Return the scores that adversaries are chosen by, by their names in result.json."""
    found: dict[str, Score] = {}
    for metric in METRICS.values():
        if metric.score is None:
            continue
        if metric.per == "class":
            for value, name in enumerate(classes):
                found[result_key(metric.score_name, name)] = partial(metric.score, value=value)
        else:
            found[metric.score_name] = metric.score
    return found
