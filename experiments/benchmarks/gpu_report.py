"""Sentences on the measurements of the GPU part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.estimates import EPOCHS, TRAIN, estimate_hours
from benchmarks.measurement import format_summary

TRAINING_TARGET, JUDGED_TARGET = 20, 30  # minutes of the paper's run, without and with its judging


def describe_gpu(record: Mapping[str, Any]) -> list[str]:
    """Return sentences on training, several runs on one GPU, judging, and what is missing."""
    measured = record["gpu"]
    rates = {name: each["images_per_second"] for name, each in measured["training"].items()}
    lines = [
        f"{name}: {format_summary(rate)} images per second{describe_share(measured, name, rate)}."
        for name, rate in rates.items()
    ]
    if together := measured["runs"]:
        counts = ", ".join(
            f"{count}: {each['images_per_second']['median']:,.0f}"
            for count, each in together.items()
        )
        lines.append(f"Images per second of several runs on the GPU together: {counts}.")
    lines += describe_projection(record)
    for reason in ("left_out", "failed"):
        for each in measured[reason]:
            why = measured[reason][each] if reason == "failed" else "the time was over"
            lines.append(f"Not measured: {each} ({why}).")
    return lines


def describe_share(measured: Mapping[str, Any], name: str, rate: Mapping[str, Any]) -> str:
    """Return the share of the peak of matrix products that a way to train reaches."""
    if name == "reference":  # it takes other operations
        return ""
    share = measured["operations_per_image"] * rate["median"] / measured["matrix_peak"]
    return f", {share:.1%} of the peak of matrix products"


def describe_projection(record: Mapping[str, Any]) -> list[str]:
    """Return the minutes of the paper's run, by the fastest way at the run's own batch size."""
    measured, size = record["gpu"], record["batch_size"]
    rates = {
        name: each["images_per_second"]["median"]
        for name, each in measured["training"].items()
        if name.endswith(f"batch size {size}")
    }
    if not rates:
        return []
    fastest = max(rates, key=lambda name: rates[name])
    minutes = EPOCHS * TRAIN / rates[fastest] / 60
    lines = [
        f"The paper's training (16.3 million images) would take {minutes:,.0f} minutes "
        f"({fastest}; target: {TRAINING_TARGET})."
    ]
    for name, judging in measured["judging"].items():
        seconds = judging["seconds_of_an_image"]
        settings = {"epochs": judging["epochs"], "queries": judging["queries"]}
        hours = sum(estimate_hours(1 / rates[fastest], **seconds, **settings))
        lines.append(
            f"Trained and judged ({name}), it would take {60 * hours:,.0f} minutes "
            f"(target: {JUDGED_TARGET})."
        )
    return lines
