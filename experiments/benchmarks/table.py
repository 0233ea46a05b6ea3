"""What a benchmark found, as Markdown for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measurement import Summary

# CelebA's official splits and the paper's epochs, which are what costs are put together for
TRAIN, VALID, TEST, EPOCHS = 162_770, 19_867, 19_962, 100
# what the rows of each part are called, in their order
ROWS = {
    "training": {
        "project": "training, through its Trainer",
        "bare": "the same steps in a plain loop",
        "reference": "the reference's steps",
        "reference_with_data": "the same with its data path",
    },
    "changes": {
        "project": "the steps in a plain loop",
        "upsampling": "upsampled before they are convolved",
        "adam": "Adam parameter by parameter",
        "precision": "in float32",
        "layout": "upsampled first, channels not last",
    },
    "data": {"project": "batches from the cache", "reference": "batches from image files"},
    "judging": {
        "together": "adversaries together",
        "alone": "adversaries one by one, float32",
    },
}
STARTUP = {
    "help": "privacy-gan train --help",
    "finished_run": "a run that is finished",
    "first_step": "a tiny run to its first step, judging left out",
}


def format_table(record: Mapping[str, Any]) -> str:
    """Return what was found.

    Args:
        record: of a benchmark, see docs/performance.md.
    """
    where = record["environment"]
    device = where["cpu"] if where["device"] == "cpu" else where["device_name"]
    lines = [
        f"{device}, torch {where['torch']}, {where['precision']}, {where['threads']} threads, "
        f"{record['image_size']} pixels, batch {record['batch_size']}, {record['date']}; "
        "medians (least to most)",
        "",
    ]
    if rows := format_rates(record):
        lines += ["| | images a second | project is faster |", "|---|---|---|", *rows, ""]
    for part, tell in SENTENCES.items():
        if part in record:
            lines += [f"- {sentence}" for sentence in tell(record)]
    return "\n".join(lines).rstrip()


def format_rates(record: Mapping[str, Any]) -> list[str]:
    """Return a row for each contestant."""
    rows = []
    for part, names in ROWS.items():
        found = record.get(part, {"images_per_second": {}})
        for name, rate in found["images_per_second"].items():
            ratio = found["times_faster"].get(name)
            faster = f"{format_summary(ratio)} times" if ratio is not None else ""
            rows.append(f"| {names[name]} | {format_summary(rate)} | {faster} |")
    return rows


def describe_training(record: Mapping[str, Any]) -> list[str]:
    """Return what else training's figures say."""
    found = record["training"]
    of, overhead = found["operations_per_image"], found["overhead"]
    shares = sorted(found["time_shares"].items(), key=lambda item: -item[1])
    return [
        f"An image takes {of['project'] / 1e9:.1f} GFLOP, in the reference "
        f"{of['reference'] / 1e9:.1f}; training reaches "
        f"{found['operations_per_second']['median'] / 1e12:.2f} TFLOP/s, "
        f"{found['share_of_peak']:.0%} of what matrix products reach, "
        f"{found['matrix_peak'] / 1e12:.2f}.",
        f"Its operations read and write {found['bytes_per_image'] / 1e6:,.0f} MB: at the "
        f"{found['memory_peak'] / 1e9:,.0f} GB/s of a copy, "
        f"{found['bytes_per_image'] / found['memory_peak'] * 1e3:.2g} ms, where it takes "
        f"{1e3 / found['images_per_second']['project']['median']:.2g} ms in all.",
        f"Of the bare step's time: {', '.join(f'{name} {share:.0%}' for name, share in shares)}.",
        f"Lightning and the data path add {overhead['median']:.1%} "
        f"({overhead['least']:.1%} to {overhead['most']:.1%}) to the bare step; "
        f"a checkpoint takes {found['checkpoint_seconds']:.1f} s, "
        f"{found['checkpoint_share']:.1%} of the time between two.",
        f"The paper's training, 16.3 million images, would take "
        f"{found['hours_for_the_papers_training']:.1f} hours.",
    ]


def describe_judging(record: Mapping[str, Any]) -> list[str]:
    """Return what judging costs beside training."""
    if "training" not in record:
        return []
    found, rate = record["judging"], record["training"]["images_per_second"]["project"]["median"]
    train, judge = estimate_hours(
        1 / rate, **found["seconds_of_an_image"], epochs=found["epochs"], queries=found["queries"]
    )
    return [
        f"Judging a run of the paper's settings would take {judge:.1f} hours, "
        f"{judge / train:.0%} of its training: {len(found['learners'])} networks, "
        f"{found['epochs']} epochs, {found['queries']} queries."
    ]


def describe_memory(record: Mapping[str, Any]) -> list[str]:
    """Return how much memory training holds."""
    peaks = record["memory"]["peak_bytes"].items()
    most = ", ".join(f"{peak / 1e9:.1f} GB at {size} pixels" for size, peak in peaks)
    return [f"Training holds at most {most}."]


def describe_startup(record: Mapping[str, Any]) -> list[str]:
    """Return how long commands take that have little to do."""
    seconds = record["startup"]["seconds"]
    return [f"{label}: {format_summary(seconds[name])} s." for name, label in STARTUP.items()]


SENTENCES: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "training": describe_training,
    "judging": describe_judging,
    "memory": describe_memory,
    "startup": describe_startup,
}


def format_summary(figures: Summary) -> str:
    """Return a median with its spread, in three digits, and large ones in full."""
    median, least, most = (
        f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        for value in (figures["median"], figures["least"], figures["most"])
    )
    return f"{median} ({least} to {most})"


def estimate_hours(
    training: float, learning: float, querying: float, measuring: float, epochs: int, queries: int
) -> tuple[float, float]:
    """Return hours that the paper's training takes, and its judgement, from costs of an image.

    Args:
        training: seconds of a training image in one epoch.
        learning: of a training image in one of the adversaries' epochs.
        querying: of an image in one query.
        measuring: of a test image.
        epochs: of the adversaries, each with a pass over the validation split.
        queries: of both splits.
    """
    train = EPOCHS * TRAIN * training
    judge = epochs * (TRAIN * learning + VALID * querying)
    judge += queries * (VALID + TEST) * querying + TEST * measuring
    return train / 3600, judge / 3600
