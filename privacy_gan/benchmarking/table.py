"""What a benchmark found, as Markdown for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privacy_gan.benchmarking.judging import share_of_training
from privacy_gan.benchmarking.timing import Figures

# of the rows of each part, in their order
TRAINING = {
    "project": "training, through its Trainer",
    "bare": "the same steps in a plain loop",
    "reference": "the reference's steps",
    "reference_with_data": "the same with its data path",
}
CHANGES = {
    "project": "the steps in a plain loop",
    "upsampling": "upsampled before they are convolved",
    "adam": "Adam parameter by parameter",
    "precision": "in float32",
    "layout": "upsampled first, channels not last",
}
DATA = {"project": "batches from the cache", "reference": "batches from image files"}
JUDGING = {"together": "adversaries together", "alone": "adversaries one by one, float32"}
ROWS = {"training": TRAINING, "changes": CHANGES, "data": DATA, "judging": JUDGING}
STARTUP = {
    "help": "privacy-gan train --help",
    "finished_run": "a run that is finished",
    "first_step": "a tiny run to its first step, judging left out",
}


def table(record: Mapping[str, Any]) -> str:
    """Return what was found.

    Args:
        record: of a benchmark, see docs/performance.md.
    """
    lines = [about(record), ""]
    if rows := rates(record):
        lines += ["| | images a second | project is faster |", "|---|---|---|", *rows, ""]
    for part, tell in SENTENCES.items():
        if part in record:
            lines += [f"- {sentence}" for sentence in tell(record)]
    return "\n".join(lines).rstrip()


def about(record: Mapping[str, Any]) -> str:
    """Return where, when and on what it was taken."""
    where = record["environment"]
    device = where["cpu"] if where["device"] == "cpu" else where["device_name"]
    return (
        f"{device}, torch {where['torch']}, {where['precision']}, {where['threads']} threads, "
        f"{record['image_size']} pixels, batch {record['batch_size']}, {record['date']}; "
        "medians (least to most)"
    )


def rates(record: Mapping[str, Any]) -> list[str]:
    """Return a row for each contestant."""
    rows = []
    for part, names in ROWS.items():
        found = record.get(part, {"images_per_second": {}})
        for name, rate in found["images_per_second"].items():
            ratio = found["times_faster"].get(name)
            faster = f"{told(ratio)} times" if ratio is not None else ""
            rows.append(f"| {names[name]} | {told(rate)} | {faster} |")
    return rows


def training(record: Mapping[str, Any]) -> list[str]:
    """Return what else training's figures say."""
    found = record["training"]
    of = found["operations_per_image"]
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
        f"Of the bare step's time: {shares(found['time_shares'])}.",
        f"Lightning, logging and the data path add {found['overhead']['median']:.1%} "
        f"({found['overhead']['least']:.1%} to {found['overhead']['most']:.1%}) to the bare step; "
        f"a checkpoint takes {found['checkpoint_seconds']:.1f} s, "
        f"{found['checkpoint_share']:.1%} of the time between two.",
        f"The paper's training, 16.3 million images, would take "
        f"{found['hours_for_the_papers_training']:.1f} hours.",
    ]


def judging(record: Mapping[str, Any]) -> list[str]:
    """Return what judging costs beside training."""
    if "training" not in record:
        return []
    found, rate = record["judging"], record["training"]["images_per_second"]["project"]["median"]
    of = found["seconds_of_an_image"]
    costs = (of["learning"], of["querying"], of["measuring"])
    train, judge = share_of_training(1 / rate, *costs, found["epochs"], found["queries"])
    return [
        f"Judging a run of the paper's settings would take {judge:.1f} hours, "
        f"{judge / train:.0%} of its training: {len(found['learners'])} networks, "
        f"{found['epochs']} epochs, {found['queries']} queries."
    ]


def memory(record: Mapping[str, Any]) -> list[str]:
    """Return how much memory training holds."""
    peaks = record["memory"]["peak_bytes"]
    told = ", ".join(f"{peak / 1e9:.1f} GB at {size} pixels" for size, peak in peaks.items())
    return [f"Training holds at most {told}."]


def startup(record: Mapping[str, Any]) -> list[str]:
    """Return how long commands take that have little to do."""
    seconds = record["startup"]["seconds"]
    return [f"{label}: {told(seconds[name])} s." for name, label in STARTUP.items()]


SENTENCES = {"training": training, "judging": judging, "memory": memory, "startup": startup}


def shares(of: Mapping[str, float]) -> str:
    """Return shares by name, the largest first."""
    ordered = sorted(of.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ordered)


def told(figures: Figures) -> str:
    """Return a median with its spread, in three digits."""
    least, most = digits(figures["least"]), digits(figures["most"])
    return f"{digits(figures['median'])} ({least} to {most})"


def digits(value: float) -> str:
    """Return a number in three digits, and large ones in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
