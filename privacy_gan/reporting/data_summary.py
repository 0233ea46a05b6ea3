"""What is in a data set, in about ten lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from privacy_gan.attributes import NO_YES, UNKNOWN, DataAttributes
from privacy_gan.data.decoding import GREY_MODES
from privacy_gan.data.splits import NAMES
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

MAX_ATTRIBUTES = 8  # in the list, without details
MAX_REASONS = 4  # why columns are no attributes, without details
MAX_CLASSES = 5  # of an attribute
FEW = 30  # images of a class, below which a note says how many there are
WIDTH = 12  # of the first column


@dataclass(frozen=True)
class Sample:
    """What some of the images are like.

    Attributes:
        count: number of images that were opened.
        formats: how often each format occurs.
        sizes: widths and heights that occur.
        grey: number of grey images.
    """

    count: int
    formats: Counter[str]
    sizes: frozenset[tuple[int, int]]
    grey: int

    @property
    def least_side(self) -> int:
        """The least width or height, in pixels."""
        return min(map(min, self.sizes))


@dataclass(frozen=True)
class DataSummary:
    """What is known of a data set.

    Attributes:
        path: its folder.
        layout: what kind of folder it is, in words.
        attributes: uint8 [N, A], numbers of classes, or ``UNKNOWN``.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        persons: the person in each image, [N]; None if that is not known.
        known: the attributes' names and classes.
        measured: the attributes that are measured by default.
        sample: what some of its images are like.
        origin: where the splits come from, in words.
        notes: lines about how labels and images were read.
        command: to train on it.
    """

    path: Path
    layout: str
    attributes: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    persons: npt.NDArray[np.int64] | None
    known: DataAttributes
    measured: Sequence[str]
    sample: Sample
    origin: str
    notes: Sequence[str]
    command: str


def sample_images(
    names: Sequence[str], read: Callable[[str], bytes], count: int, folder: Path
) -> Sample:
    """Open some images, evenly spaced among all.

    Raises:
        UserError: one is not readable; names it.
    """
    chosen = [names[index] for index in np.linspace(0, len(names) - 1, count).astype(int)]
    formats: Counter[str] = Counter()
    sizes, grey = set(), 0
    opened = list(dict.fromkeys(chosen))
    for name in opened:
        try:
            with Image.open(BytesIO(read(name))) as image:
                formats[str(image.format)] += 1
                sizes.add(image.size)
                grey += image.mode in GREY_MODES or image.mode.startswith("I")
        except Exception as error:  # Pillow raises many types of errors
            raise UserError(
                f"{name} in {folder} is not a readable image: delete it to exclude it"
            ) from error
    return Sample(len(opened), formats, frozenset(sizes), grey)


def summarize(summary: DataSummary, details: bool) -> str:
    """Return the lines to print.

    Args:
        summary: of the data set.
        details: whether to list all attributes.
    """
    lines = [
        f"{summary.path} ({summary.layout})",
        row("images", describe_images(summary)),
        row("splits", describe_splits(summary)),
        row("persons", describe_persons(summary)),
        *attribute_lines(summary, details),
        *(row("note", note) for note in summary.notes),
        row("train", summary.command),
    ]
    return "\n".join(lines)


def row(title: str, text: str) -> str:
    """Return a line with a title in front."""
    return f"{title:<{WIDTH}}{text}"


def describe_images(summary: DataSummary) -> str:
    """Return the number, format, size and colour of the images."""
    sample = summary.sample
    formats = " and ".join(name for name, _ in sample.formats.most_common())
    smallest, largest = min(sample.sizes), max(sample.sizes)
    size = f"{smallest[0]}x{smallest[1]}"
    if len(sample.sizes) > 1:
        size += f" to {largest[0]}x{largest[1]}"
    colour = {0: "colour", sample.count: "grey"}.get(sample.grey, f"{sample.grey} of them grey")
    opened = "" if sample.count == len(summary.splits) else f" ({sample.count:,} were opened)"
    return f"{len(summary.splits):,}: {formats}, {size} pixels, {colour}{opened}"


def describe_splits(summary: DataSummary) -> str:
    """Return the number of images in each split, and whether the splits were given."""
    counts = np.bincount(summary.splits, minlength=3)[:3]
    listed = ", ".join(f"{count:,} {name}" for count, name in zip(counts, NAMES, strict=True))
    return f"{listed} ({summary.origin})"


def describe_persons(summary: DataSummary) -> str:
    """Return the number of persons, and of those in several splits."""
    if summary.persons is None:
        return "not known: images count as independent"
    pairs = np.unique(np.column_stack([summary.persons, summary.splits]), axis=0)
    _, splits = np.unique(pairs[:, 0], return_counts=True)
    shared = int((splits > 1).sum())
    note = f", {shared:,} of them in several splits" if shared else ""
    return f"{len(splits):,}{note}"


def attribute_lines(summary: DataSummary, details: bool) -> list[str]:
    """Return a line for each attribute, and one for the columns that are none."""
    names = list(summary.known.classes)
    listed = names if details else [*summary.measured, *names][:MAX_ATTRIBUTES]
    listed = list(dict.fromkeys(listed))
    described = {name: describe_attribute(summary, name) for name in listed}
    widths = [max(map(len, column)) for column in zip(*described.values(), strict=True)]
    lines: list[str] = []
    name_width = max(map(len, listed))
    for name, cells in described.items():
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        title = "" if lines else "attributes"
        lines.append(row(title, f"{name:<{name_width}}  {'  '.join(padded)}").rstrip())
    if len(names) > len(listed):
        lines.append(row("", f"and {len(names) - len(listed)} more: details=true lists them"))
    # first those that an option or an edit of the table can mend
    reasons = sorted(summary.known.unusable.values(), key=lambda each: "at most" in each)
    shown = reasons if details else reasons[:MAX_REASONS]
    lines += [row("" if index else "left out", each) for index, each in enumerate(shown)]
    if len(reasons) > len(shown):
        more = pluralize(len(reasons) - len(shown), "more column")
        lines.append(row("", f"and {more}: details=true lists them"))
    return lines


def describe_attribute(summary: DataSummary, name: str) -> tuple[str, str, str]:
    """Return an attribute's classes with their shares, what predicts it, and what it lacks."""
    column = summary.attributes[:, list(summary.known.classes).index(name)]
    classes = summary.known.classes[name]
    counts = np.bincount(column[column != UNKNOWN], minlength=len(classes))
    shares = counts / counts.sum()
    words = ("no", "yes") if classes == NO_YES else classes
    order = np.argsort(-shares, kind="stable") if len(words) > MAX_CLASSES else range(len(words))
    texts = [f"{words[value]} {shares[value]:.1%}" for value in order][:MAX_CLASSES]
    if len(words) > MAX_CLASSES:
        texts.append(f"{len(words) - MAX_CLASSES} more")
    if classes == NO_YES:
        texts = [f"yes {shares[1]:.1%}"]
    notes = []
    if unknown := int((column == UNKNOWN).sum()):
        notes.append(f"no value for {unknown:,}")
    if (least := int(counts.min())) < FEW:
        notes.append(f"only {pluralize(least, 'image')} of {words[int(counts.argmin())]}")
    if name not in summary.known.measurable([]):
        notes.append("a split lacks one of its classes")
    return ", ".join(texts), describe_baselines(summary, name), "; ".join(notes)


def describe_baselines(summary: DataSummary, name: str) -> str:
    """Return how often guessing, and the other attributes' labels, are right about an attribute."""
    from privacy_gan.evaluation.label_baselines import label_accuracies  # imports torch

    names = list(summary.known.classes)
    others = [names.index(other) for other in summary.measured if other != name]
    column, classes = names.index(name), len(summary.known.classes[name])
    guessing, from_others = label_accuracies(
        summary.attributes, summary.splits, column, others, classes
    )
    text = f"guessing {guessing:.1%}"
    return text if from_others is None else f"{text}, from the others {from_others:.1%}"
