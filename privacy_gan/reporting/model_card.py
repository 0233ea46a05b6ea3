"""The model card of an exported mechanism: what it hides, from whom, and what still leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, StrictUndefined

from privacy_gan.data.release_format import FLOAT
from privacy_gan.reporting.summary import (
    COLUMNS,
    FORMATS,
    NAMES,
    PERCENT,
    cell,
    queries_in_words,
)
from privacy_gan.reporting.verdict import verdict_lines
from privacy_gan.runs.result import Evaluation, Result

TEMPLATE = Path(__file__).with_name("model_card.md")
# what the card's table shows, and to the hub's own table of results
SHOWN = [
    "privacy_loss",
    "auroc",
    "leaked_bits",
    "retrained_utility_score",
    "utility_score",
    "success_rate",
    "distortion",
    "psnr",
    "ssim",
]
FOR_THE_HUB = {
    "privacy_loss": "accuracy",
    "retrained_utility_score": "accuracy",
    "distortion": "mse",
}


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
    text = environment.from_string(TEMPLATE.read_text()).render(
        facts=facts,
        hides=" and ".join(hides),
        size=image_size,
        with_onnx=with_onnx,
        of_celeba=facts["data"].startswith("celeba"),
        judged=[judged(evaluation) for evaluation in result.evaluations.values()],
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


def judged(evaluation: Evaluation) -> dict[str, Any]:
    """Return what the card says of one attribute."""
    rows = []
    for name in SHOWN:
        if (measure := evaluation.measures.get(name)) is None or measure.censored is None:
            continue
        show = FORMATS.get(name, PERCENT)
        cells = [cell(getattr(measure, column), show, interval=True) for column in COLUMNS]
        rows.append([NAMES.get(name, name.replace("_", " ")), *cells])
    queries = sorted({each.queries for each in evaluation.adversaries})
    return {
        "attribute": evaluation.attribute,
        "verdict": verdict_lines(evaluation),
        "columns": COLUMNS,
        "rows": rows,
        "utilities": utilities(evaluation),
        "images": evaluation.images,
        "adversaries": list(dict.fromkeys(each.adversary for each in evaluation.adversaries)),
        "queries": [queries_in_words(count) for count in queries],
        "epochs": evaluation.settings.get("judge.epochs"),
        "released_as": evaluation.settings.get("judge.released_as", FLOAT),
        "warnings": evaluation.warnings,
    }


def utilities(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return how often a fixed classifier is right about other attributes, by their names."""
    return [
        (name.partition("/")[2], cell(measure.censored, PERCENT, interval=True))
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
            metric_type=kind,
            metric_name=f"{NAMES.get(name, name.replace('_', ' '))}, {evaluation.attribute}",
            metric_value=round(measure.censored.value, 5),
        )
        for evaluation in result.evaluations.values()
        for name, kind in FOR_THE_HUB.items()
        if (measure := evaluation.measures.get(name)) is not None and measure.censored is not None
    ]
