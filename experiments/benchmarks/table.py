"""Formats a benchmark's measurements as Markdown, for a terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.estimates import estimate_hours
from benchmarks.gpu_report import describe_gpu
from benchmarks.measurement import format_summary

# labels of each part's rows, in order
ROWS = {
    "training": {
        "project": "training with Lightning's Trainer",
        "bare": "the same steps in a plain loop",
        "reference": "the reference's steps",
        "reference_with_data": "the same with its data path",
    },
    "changes": {
        "project": "steps in a plain loop",
        "upsampling": "upsampling before convolutions",
        "adam": "Adam without the fused kernel",
        "precision": "float32",
        "layout": "upsampling before convolutions, contiguous memory format",
    },
    "data": {"project": "batches from the cache", "reference": "batches from image files"},
    "judging": {
        "together": "adversaries trained together",
        "alone": "adversaries trained one by one, float32",
    },
}
STARTUP = {
    "help": "privacy-gan train --help",
    "finished_run": "privacy-gan train, run already finished",
    "first_step": "privacy-gan train, tiny run, up to the first step",
}


def format_table(record: Mapping[str, Any]) -> str:
    """Return a benchmark's measurements as Markdown.

    Args:
        record: of a benchmark, see docs/performance.md.
    """
    environment = record["environment"]
    device = environment["cpu" if environment["device"] == "cpu" else "device_name"]
    lines = [
        f"{device}, torch {environment['torch']}, {environment['precision']}, "
        f"{environment['threads']} threads, {record['image_size']} pixels, "
        f"batch size {record['batch_size']}, {record['date']}; medians (minimum to maximum)",
        "",
    ]
    if rows := format_rates(record):
        lines += ["| | images per second | speedup of the project |", "|---|---|---|", *rows, ""]
    for part, describe in SENTENCES.items():
        if part in record:
            lines += [f"- {sentence}" for sentence in describe(record)]
    return "\n".join(lines).rstrip()


def format_rates(record: Mapping[str, Any]) -> list[str]:
    """Return a table row for each variant."""
    rows = []
    for part, labels in ROWS.items():
        measured = record.get(part, {"images_per_second": {}})
        for name, rate in measured["images_per_second"].items():
            ratio = measured["times_faster"].get(name)
            speedup = f"{format_summary(ratio)} times" if ratio is not None else ""
            rows.append(f"| {labels[name]} | {format_summary(rate)} | {speedup} |")
    return rows


def describe_training(record: Mapping[str, Any]) -> list[str]:
    """Return sentences on training."""
    measured = record["training"]
    flops, overhead = measured["operations_per_image"], measured["overhead"]
    shares = sorted(measured["time_shares"].items(), key=lambda item: -item[1])
    return [
        f"Training takes {flops['project'] / 1e9:.1f} GFLOP per image "
        f"({flops['reference'] / 1e9:.1f} in the reference) and reaches "
        f"{measured['operations_per_second']['median'] / 1e12:.2f} TFLOP/s, "
        f"{measured['share_of_peak']:.0%} of the peak of matrix products "
        f"({measured['matrix_peak'] / 1e12:.2f} TFLOP/s).",
        f"Its operations read and write {measured['bytes_per_image'] / 1e6:,.0f} MB per image, "
        f"which takes {measured['bytes_per_image'] / measured['memory_peak'] * 1e3:.2g} ms at the "
        f"bandwidth of a copy ({measured['memory_peak'] / 1e9:,.0f} GB/s), out of "
        f"{1e3 / measured['images_per_second']['project']['median']:.2g} ms in total.",
        "Time of a step in a plain loop: "
        f"{', '.join(f'{name} {share:.0%}' for name, share in shares)}.",
        f"Lightning and the data path add {overhead['median']:.1%} "
        f"({overhead['least']:.1%} to {overhead['most']:.1%}) to the plain loop; "
        f"a checkpoint takes {measured['checkpoint_seconds']:.1f} s, "
        f"{measured['checkpoint_share']:.1%} of the time between two checkpoints.",
        f"The paper's training (16.3 million images) would take "
        f"{measured['hours_for_the_papers_training']:.1f} hours.",
    ]


def describe_judging(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence on judging, compared with training."""
    if "training" not in record:
        return []
    networks, epochs, queries = (
        record["judging"][key] for key in ("learners", "epochs", "queries")
    )
    rate = record["training"]["images_per_second"]["project"]["median"]
    seconds = record["judging"]["seconds_of_an_image"]
    train, judge = estimate_hours(1 / rate, **seconds, epochs=epochs, queries=queries)
    return [
        f"Judging a run with the paper's settings ({len(networks)} networks, {epochs} epochs, "
        f"{queries} queries) would take {judge:.1f} hours, {judge / train:.0%} of its training "
        "time."
    ]


def describe_memory(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the peak memory of training."""
    peaks = record["memory"]["peak_bytes"].items()
    text = ", ".join(f"{peak / 1e9:.1f} GB at {size} pixels" for size, peak in peaks)
    return [f"Peak memory of training: {text}."]


def describe_startup(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the start-up time of each command."""
    seconds = record["startup"]["seconds"]
    return [f"{label}: {format_summary(seconds[name])} s." for name, label in STARTUP.items()]


def describe_certificate(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the time from image files to a certified codebook."""
    measured = record["certificate"]
    seconds = measured["seconds"]
    return [
        f"From {measured['images']:,} training images to a certified codebook of "
        f"{measured['codewords']} codewords: {sum(seconds.values()):.0f} s, {seconds['cache']:.1f} "
        f"s to decode all images, {seconds['fit']:.1f} s to fit, {seconds['certify']:.1f} s for "
        f"the certificate from {measured['held_out_images']:,} images."
    ]


def describe_photographs(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence on censoring the faces in photographs."""
    measured = record["photographs"]
    return [
        f"{measured['photographs']:,} photographs of {measured['megapixels']:.0f} megapixels with "
        f"{measured['faces_drawn']:,} faces on {measured['cores']} cores: "
        f"{measured['seconds']:.0f} s, start-up included, and at most "
        f"{measured['peak_bytes'] / 1e9:.1f} GB of memory."
    ]


SENTENCES: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "training": describe_training,
    "judging": describe_judging,
    "memory": describe_memory,
    "startup": describe_startup,
    "certificate": describe_certificate,
    "photographs": describe_photographs,
    "gpu": describe_gpu,
}
