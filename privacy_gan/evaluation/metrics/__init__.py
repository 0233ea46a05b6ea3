"""All metrics, in display order. Importing this module does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from privacy_gan.evaluation.metrics import code_length, distortion, privacy, synthesis, utility
from privacy_gan.evaluation.metrics.metric import Metric, Score, result_key

__all__ = ["METRICS", "Metric", "build_scores", "find_metric", "result_key"]

METRICS: dict[str, Metric] = {
    metric.name: metric
    for family in (privacy, code_length, utility, synthesis, distortion)
    for metric in family.METRICS
}


def find_metric(measure: str) -> Metric:
    """Return the metric of a key in result.json: "auroc", or "utility" for "utility/Male".

    For a key that the registry lacks, from a file of another version, the metric has that name.
    """
    name = measure.partition("/")[0]
    return METRICS.get(name) or Metric(name, "privacy", name.replace("_", " "), "", lambda _: None)


def build_scores(classes: Sequence[str]) -> dict[str, Score]:
    """Return the scores by which adversaries are chosen, by their names in result.json."""
    scores: dict[str, Score] = {}
    for metric in METRICS.values():
        if metric.score is None:
            continue
        if metric.per == "class":
            for value, name in enumerate(classes):
                scores[result_key(metric.score_name, name)] = partial(metric.score, value=value)
        else:
            scores[metric.score_name] = metric.score
    return scores
