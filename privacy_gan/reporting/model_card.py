"""The model card of an exported mechanism: what it hides, from whom, and what still leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, StrictUndefined

from privacy_gan.data.release_format import FLOAT
from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import budget_of, budget_warnings
from privacy_gan.reporting.leakage import ACCURACY, leading_leak
from privacy_gan.reporting.run_summary import COLUMNS, format_cell, format_queries
from privacy_gan.reporting.verdict import summary_sentences, verdict
from privacy_gan.runs.result import Evaluation, Result

TEMPLATE = Path(__file__).with_name("model_card.md")
SHOWN = [name for name, metric in METRICS.items() if metric.prominence != "details"]


def model_card(
    result: Result,
    facts: Mapping[str, Any],
    hides: Sequence[str],
    image_size: int,
    with_onnx: bool,
) -> str:
    """Return a model card in Markdown, with the hub's metadata, filled from a result alone.

    Args:
        result: of the run.
        facts: of its training, see ExportedPrivatizer.
        hides: the sensitive attributes.
        image_size: side of the images, in pixels.
        with_onnx: whether an ONNX file lies beside it.
    """
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        facts=facts,
        hides=" and ".join(hides),
        size=image_size,
        with_onnx=with_onnx,
        of_celeba=facts["data"].startswith("celeba"),
        judged=[judged(of, budget_of(result.fingerprint)) for of in result.evaluations.values()],
        summary_sentences=summary_sentences(result, facts["mechanism"]),
        missed=budget_warnings(result),
    )
    data = ModelCardData(
        library_name="privacy_gan",
        pipeline_tag="image-to-image",
        tags=["privacy", "image-to-image"],
        model_name=f"{facts['mechanism']} on {' and '.join(hides)}",
        eval_results=for_the_hub(result, facts) or None,
        **license_of(facts["data"]),
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def license_of(data: str) -> dict[str, Any]:
    """Return what the hub is to say of the licence; nothing where only the owner knows."""
    if not data.startswith("celeba"):
        return {}
    return {"license": "other", "license_name": "celeba-non-commercial-research"}


def judged(evaluation: Evaluation, budget: float | None) -> dict[str, Any]:
    """Return what the card says of one attribute, led by the measure by which most leaks."""
    rows = []
    for name in dict.fromkeys((leading_leak(evaluation).measure, *SHOWN)):
        if (measure := evaluation.measures.get(name)) is None or measure.censored is None:
            continue
        cells = [format_cell(name, getattr(measure, column), interval=True) for column in COLUMNS]
        rows.append([METRICS[name].title, *cells])
    queries = sorted({each.queries for each in evaluation.adversaries})
    return {
        "attribute": evaluation.attribute,
        "verdict": verdict(evaluation, budget),
        "columns": COLUMNS,
        "rows": rows,
        "utilities": utilities(evaluation),
        "images": evaluation.images,
        "adversaries": list(dict.fromkeys(each.adversary for each in evaluation.adversaries)),
        "queries": [format_queries(count) for count in queries],
        "epochs": evaluation.settings.get("judge.epochs"),
        "released_as": evaluation.settings.get("judge.released_as", FLOAT),
        "warnings": evaluation.warnings,
    }


def utilities(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return how often a fixed classifier is right about other attributes, by their names."""
    return [
        (name.partition("/")[2], format_cell(name, measure.censored, interval=True))
        for name, measure in evaluation.measures.items()
        if name.startswith("utility/")
    ]


def for_the_hub(result: Result, facts: Mapping[str, Any]) -> list[EvalResult]:
    """Return what was measured as the hub shows it beside other models' results."""
    return [
        EvalResult(
            task_type="image-to-image",
            dataset_type=facts["data"],
            dataset_name=facts["data"],
            dataset_split="test",
            metric_type=METRICS[name].hub,
            metric_name=f"{METRICS[name].title}, {evaluation.attribute}",
            metric_value=round(measure.censored.value, 5),
        )
        for evaluation in result.evaluations.values()
        for name in hub_measures(evaluation)
        if (measure := evaluation.measures.get(name)) is not None and measure.censored is not None
    ]


def hub_measures(evaluation: Evaluation) -> list[str]:
    """Return what the hub is told: of what may lead only what does, and accuracy."""
    first = leading_leak(evaluation).measure
    others = (
        name
        for name, metric in METRICS.items()
        if metric.hub and (name == ACCURACY or not metric.can_lead)
    )
    return list(dict.fromkeys((first, *others)))
