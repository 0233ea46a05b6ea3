"""Where an attribute leaks most: the adversary's scores within values of other attributes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from privacy_gan.attributes import NO_YES
from privacy_gan.evaluation.metrics import find_metric
from privacy_gan.reporting.largest_leaks import largest_leaks, run_title
from privacy_gan.reporting.lower_bounds import bound_prefix
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.slices import Slice, Slices

HEADINGS = ("images", "accuracy", "majority baseline", "balanced accuracy")
ACCURACY = "privacy_loss"  # the metric that says whether the adversary of the slices was done
ALL = "all images"
TAIL = 0.025  # of a 95% interval


@dataclass(frozen=True)
class SliceTable:
    """The slices of one evaluation, for the report's page.

    Attributes:
        title: what the evaluation is about.
        lines: where the attribute leaks most, see ``slice_lines``.
        rows: see ``slice_rows``.
    """

    title: str
    lines: list[str]
    rows: list[list[str]]


def slice_rows(evaluation: Evaluation) -> list[list[str]]:
    """Return a table's rows: the headings, all images, and each slice; none without slices."""
    slices = evaluation.slices
    if slices is None or not slices.each:
        return []
    prefix = bound_prefix(evaluation, ACCURACY)
    rows = [slice_row(name, part, prefix) for name, part in named_slices(slices)]
    return [[f"{evaluation.attribute} within", *HEADINGS], *rows]


def slice_row(name: str, part: Slice, prefix: str) -> list[str]:
    """Return a slice's row; one that was left out has the reason instead of values."""
    if part.left_out:
        return [name, f"{part.images:,}", "-", "-", f"left out: {part.left_out}"]
    return [
        name,
        f"{part.images:,}",
        format_share(part.accuracy, prefix),
        format_share(part.majority_baseline, interval=False),
        format_share(part.balanced_accuracy, prefix),
    ]


def slice_lines(evaluation: Evaluation) -> list[str]:
    """Return where the attribute leaks most, in a line, and which slices were left out."""
    slices = evaluation.slices
    if slices is None or not slices.each:
        return []
    left_out = [(name, part) for name, part in named_slices(slices) if part.left_out]
    lines = [worst_slice_sentence(evaluation)] if len(left_out) < len(slices.each) else []
    if left_out:
        names = ", ".join(f"{name} ({part.images:,} images)" for name, part in left_out)
        lines.append(f"left out, with too few images: {names}")
    return lines


def slice_tables(entries: Iterable[EvaluationRow]) -> list[SliceTable]:
    """Return the slices of the run with the largest leak of each mechanism, if it has any."""
    return [
        SliceTable(run_title(entry), slice_lines(entry.evaluation), slice_rows(entry.evaluation))
        for entry in largest_leaks(entries)
        if slice_rows(entry.evaluation)
    ]


def worst_slice_sentence(evaluation: Evaluation) -> str:
    """Return the slice that leaks most, and whether it clearly leaks more than all images do."""
    slices = evaluation.slices
    assert slices is not None
    names = {part: name for name, part in named_slices(slices)}
    measured = [part for part in slices.each if part.balanced_accuracy is not None]
    guessing = 1 / len(evaluation.classes)
    worst, is_clear = find_worst_slice(slices.overall, measured, guessing)
    prefix = bound_prefix(evaluation, ACCURACY)
    value = format_share(worst.balanced_accuracy, prefix)
    overall = format_share(slices.overall.balanced_accuracy, prefix, interval=False)
    name, number = names[worst], f"{worst.images:,} images"
    if is_clear:
        return (
            f"{evaluation.attribute} leaks most for {name}: balanced accuracy {value} over "
            f"{number}, {overall} over all (clear even as the largest of {len(measured)} slices)"
        )
    return (
        f"no slice clearly leaks more than all images (balanced accuracy {overall}); of "
        f"{len(measured)}, {name} comes closest with {value} over {number}"
    )


def find_worst_slice(
    overall: Slice, measured: Sequence[Slice], guessing: float
) -> tuple[Slice, bool]:
    """Return the slice with the largest leak, and whether it is above that of all images.

    The largest of K values is too large by chance. The slice is therefore chosen by the lower end
    of its interval, widened for K slices (Bonferroni), and must exceed the value of all images by
    that. It must also be above guessing: by chance, all images may be below.
    """
    lows = [simultaneous_low(part.balanced_accuracy, len(measured)) for part in measured]
    low = max(lows)
    assert overall.balanced_accuracy is not None, "both classes occur in the test images"
    return measured[lows.index(low)], low > max(overall.balanced_accuracy.value, guessing)


def simultaneous_low(estimate: Estimate | None, count: int) -> float:
    """Return the lower end of an interval, widened so that one of ``count`` errs as rarely."""
    assert estimate is not None
    quantile = NormalDist().inv_cdf
    widening = quantile(TAIL / count) / quantile(TAIL)
    return estimate.value - (estimate.value - estimate.low) * widening


def named_slices(slices: Slices) -> list[tuple[str, Slice]]:
    """Return all images and each slice with its name, such as "Male: no"."""
    named = [(ALL, slices.overall)]
    for part in slices.each:
        is_binary = {*slices.classes[part.attribute]} <= {*NO_YES}
        word = ("no", "yes")[int(part.value)] if is_binary else part.value
        named.append((f"{part.attribute}: {word}", part))
    return named


def format_share(estimate: Estimate | None, prefix: str = "", interval: bool = True) -> str:
    """Return a share in percent after a prefix, with its interval; "-" for None."""
    if estimate is None:
        return "-"
    show = find_metric(ACCURACY).format_value
    value = f"{prefix}{show(estimate.value)}"
    if not interval:
        return value
    return f"{value} [{show(estimate.low).rstrip('%')}, {show(estimate.high)}]"
