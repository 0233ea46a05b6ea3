"""The model card of an exported mechanism: what it hides, from which adversaries, what leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, StrictUndefined

from privacy_gan.attributes import NO_YES
from privacy_gan.data.release_format import FLOAT
from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import budget_of, budget_warnings
from privacy_gan.reporting.cells import COLUMNS, HEADINGS, measure_cell
from privacy_gan.reporting.leakage import ACCURACY, leading_leak
from privacy_gan.reporting.lower_bounds import bound_notes, bound_prefix, training_length
from privacy_gan.reporting.verdict import summary_sentences, verdict
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.result import Result

LOWER_BOUND = " (lower bound)"  # of the Hub's numbers, which cannot say "at least"
TEMPLATE = Path(__file__).with_name("model_card.md")
CARD_MEASURES = [name for name, metric in METRICS.items() if metric.prominence != "details"]


def render_model_card(
    result: Result,
    facts: Mapping[str, Any],
    hides: Sequence[str],
    image_size: int,
    with_onnx: bool,
    channels: int = 3,
) -> str:
    """Return a model card in Markdown, with the Hub's metadata.

    Args:
        result: of the run.
        facts: about the training, see ExportedPrivatizer.
        hides: the sensitive attributes.
        image_size: side of the images, in pixels.
        with_onnx: whether there is an ONNX file.
        channels: of the images, 3, or 1 for grey ones.
    """
    budget = budget_of(result.fingerprint)
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        facts=facts,
        hides=" and ".join(hides),
        size=image_size,
        with_onnx=with_onnx,
        channels=channels,
        is_celeba=is_celeba(facts["data"]),
        evaluations=[evaluation_data(each, budget) for each in result.evaluations.values()],
        sentences=summary_sentences(result, facts["mechanism"]),
        certified=any(each.certificate for each in result.evaluations.values()),
        budget_warnings=budget_warnings(result),
    )
    data = ModelCardData(
        library_name="privacy_gan",
        pipeline_tag="image-to-image",
        tags=["privacy", "image-to-image"],
        model_name=f"{facts['mechanism']} on {' and '.join(hides)}",
        eval_results=hub_results(result, facts) or None,
        **license_metadata(facts["data"]),
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def is_celeba(data: str) -> bool:
    """Return whether data are CelebA, by their name, which may be that of a folder with a copy."""
    return "celeba" in data.lower()


def license_metadata(data: str) -> dict[str, Any]:
    """Return the license for the Hub's metadata; nothing if only the owner knows it."""
    if not is_celeba(data):
        return {}
    return {"license": "other", "license_name": "celeba-non-commercial-research"}


def evaluation_data(evaluation: Evaluation, budget: float | None) -> dict[str, Any]:
    """Return what the card shows of one attribute, the leading metric first."""
    rows = []
    for name in dict.fromkeys((leading_leak(evaluation).measure, *CARD_MEASURES)):
        if (measure := evaluation.measures.get(name)) is None or measure.censored is None:
            continue
        cells = [measure_cell(evaluation, name, column, interval=True) for column in COLUMNS]
        rows.append([METRICS[name].title, *cells])
    queries = sorted({each.queries for each in evaluation.adversaries})
    return {
        "attribute": evaluation.attribute,
        "classes": () if evaluation.classes == NO_YES else evaluation.classes,
        "verdict": verdict(evaluation, budget),
        "columns": HEADINGS,
        "rows": rows,
        "bounds": [f"{note[0].upper()}{note[1:]}." for note in bound_notes(str(rows))],
        "utilities": utility_rows(evaluation),
        "images": evaluation.images,
        "adversaries": list(dict.fromkeys(each.adversary for each in evaluation.adversaries)),
        "queries": queries,
        "training": training_length(evaluation),
        "released_as": evaluation.settings.get("judge.released_as", FLOAT),
        "warnings": evaluation.warnings,
    }


def utility_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the fixed classifiers' accuracies on censored images by utility attribute."""
    return [
        (name.partition("/")[2], measure_cell(evaluation, name, "censored", interval=True))
        for name in evaluation.measures
        if name.startswith("utility/")
    ]


def hub_results(result: Result, facts: Mapping[str, Any]) -> list[EvalResult]:
    """Return the metrics for the Hub's metadata, where it compares models."""
    return [
        EvalResult(
            task_type="image-to-image",
            dataset_type=facts["data"],
            dataset_name=facts["data"],
            dataset_split="test",
            metric_type=METRICS[name].hub,
            metric_name=f"{METRICS[name].title}, {evaluation.attribute}"
            f"{LOWER_BOUND if bound_prefix(evaluation, name) else ''}",
            metric_value=round(measure.censored.value, 5),
        )
        for evaluation in result.evaluations.values()
        for name in hub_measures(evaluation)
        if (measure := evaluation.measures.get(name)) is not None and measure.censored is not None
    ]


def hub_measures(evaluation: Evaluation) -> list[str]:
    """Return the metrics for the Hub: the leading one, accuracy, and those that cannot lead."""
    leading = leading_leak(evaluation).measure
    others = (
        name
        for name, metric in METRICS.items()
        if metric.hub and (name == ACCURACY or not metric.can_lead)
    )
    return list(dict.fromkeys((leading, *others)))
