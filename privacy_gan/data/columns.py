"""What a column of a table means as an attribute: its classes, and the class of each image."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.attributes import NO_YES, UNKNOWN
from privacy_gan.data.text_tables import BINARY, MISSING_VALUES, normalize

MAX_CLASSES = 20  # a column with more values is not an attribute but a number, a name or a text
MINUS_ONE, ZERO = "-1", "0"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
DIGITS = re.compile(r"([0-9]+)")
WHOLE = re.compile(r"([+-]?\d+)\.0*")


@dataclass(frozen=True)
class Column:
    """An attribute.

    Attributes:
        classes: names of its values; ("0", "1") if images have it or lack it.
        values: the class of each image, uint8 [N]; ``UNKNOWN`` for images without a value.
    """

    classes: tuple[str, ...]
    values: npt.NDArray[np.uint8]


class UnusableColumnError(ValueError):
    """A column is not an attribute. The message says why, and what would make it one."""


def encode_column(
    name: str,
    texts: Sequence[str],
    missing: Collection[str] = MISSING_VALUES,
    edges: Sequence[float] | None = None,
    prefix: str = "",
) -> Column:
    """Return the attribute that a column of texts [N] describes.

    Words such as yes, no, 1 and -1 make an attribute that images have or lack. Other texts are
    classes as they are, in their natural order. Case does not matter.

    Args:
        name: of the column, for messages.
        texts: one for each image.
        missing: texts that mean that there is no value.
        edges: the least number of each class, ascending, for a column of numbers.
        prefix: of the options ``bins`` and ``missing``, for messages.

    Raises:
        UnusableColumnError: there are fewer than two classes or too many, or -1 and 0 may both mean
            that there is no value.
    """
    without_value = {canonical_value(text) for text in missing}
    keys = {text: canonical_value(text) for text in set(texts)}
    known = {text: key for text, key in keys.items() if key not in without_value}
    counts: Counter[str] = Counter()
    for text, count in Counter(texts).items():  # a column has few different texts
        if text in known:
            counts[known[text]] += count
    if not counts:
        raise UnusableColumnError(f"{name} has no values")
    if edges is not None:
        return encode_numbers(name, texts, known, edges, f"{prefix}bins")
    if counts.keys() <= BINARY.keys():
        if MINUS_ONE in counts and ZERO in counts:
            raise UnusableColumnError(
                f"{name} has both -1 and 0, and one of them means unknown: say which, "
                f"{prefix}missing=[-1] as in CheXpert or {prefix}missing=[0] as in MAAD-Face"
            )
        classes: tuple[str, ...] = NO_YES
        code: Mapping[str, int] = BINARY
    else:
        spelling = {known[text]: without_fraction(text.strip()) for text in sorted(known)}
        ordered = sorted(counts, key=natural_key)
        classes = tuple(spelling[key] for key in ordered)
        code = {key: value for value, key in enumerate(ordered)}
    if len(set(map(code.__getitem__, counts))) < 2:
        raise UnusableColumnError(
            f"{name} has one value, {min(known).strip()}, in all {counts.total():,} images"
        )
    if len(classes) > MAX_CLASSES:
        raise UnusableColumnError(too_many_values(name, list(counts), f"{prefix}bins"))
    values = {text: code[known[text]] if text in known else UNKNOWN for text in keys}
    return Column(classes, np.fromiter(map(values.__getitem__, texts), np.uint8, len(texts)))


def canonical_value(text: str) -> str:
    """Return a text without blanks around it, in lower case, and a whole number without ".0"."""
    return without_fraction(normalize(text))


def without_fraction(text: str) -> str:
    """Return a whole number without ".0", and any other text as it is."""
    match = WHOLE.fullmatch(text)
    return match[1] if match else text


def too_many_values(name: str, keys: Sequence[str], option: str) -> str:
    """Return why a column with many values is not an attribute."""
    some = ", ".join(sorted(keys, key=natural_key)[:2])
    reason = f"{name} has {len(keys):,} different values, such as {some}"
    if all(map(NUMBER.fullmatch, keys)):
        middle = sorted(map(float, keys))[len(keys) // 2]
        return f"{reason}: make classes of numbers, such as '{option}={{{name}: [0, {middle:g}]}}'"
    return f"{reason}: an attribute has at most {MAX_CLASSES}"


def encode_numbers(
    name: str,
    texts: Sequence[str],
    known: Mapping[str, str],
    edges: Sequence[float],
    option: str,
) -> Column:
    """Return a column of numbers as classes.

    Numbers below the first edge have no class.

    Args:
        name: of the column.
        texts: one for each image, [N].
        known: the canonical value of each text that is a value.
        edges: the least number of each class.
        option: the option that gives them, for messages.

    Raises:
        UnusableColumnError: the edges are not two or more ascending numbers, a text is not a
            number, or fewer than two classes have images.
    """
    is_ascending = all(low < high for low, high in itertools.pairwise(edges))
    if len(edges) < 2 or not is_ascending or not all(map(math.isfinite, edges)):
        raise UnusableColumnError(
            f"{option} of {name} must be two or more ascending numbers, such as [0, 18, 40], the "
            "least number of each class"
        )
    if wrong := sorted(key for key in known.values() if not NUMBER.fullmatch(key)):
        raise UnusableColumnError(f"{option} makes classes of numbers, but {name} has {wrong[0]!r}")
    number_of = {text: float(key) for text, key in known.items()}
    numbers = np.array([number_of.get(text, math.nan) for text in texts])
    found = np.searchsorted(np.asarray(edges, float), numbers, side="right") - 1
    has_class = ~np.isnan(numbers) & (found >= 0)
    values = np.where(has_class, found, UNKNOWN).astype(np.uint8)
    if len(np.unique(values[has_class])) < 2:
        raise UnusableColumnError(f"{name} has numbers in fewer than two classes of {option}")
    whole = all(float(number).is_integer() for number in (*edges, *numbers[has_class]))
    return Column(class_names(edges, whole), values)


def class_names(edges: Sequence[float], whole: bool) -> tuple[str, ...]:
    """Return names such as 0-17, 18-39, 40+ for whole numbers, else 0 to 18, 18 to 40, 40+."""
    to = "-" if whole else " to "
    between = []
    for low, high in itertools.pairwise(edges):
        last = f"{high - 1:g}" if whole else f"{high:g}"
        between.append(f"{low:g}" if whole and high - low == 1 else f"{low:g}{to}{last}")
    return (*between, f"{edges[-1]:g}+")


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts texts by the numbers in them: 3-9 before 10-19."""
    parts = DIGITS.split(text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
